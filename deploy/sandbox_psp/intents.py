"""Payment intents and refunds as facts, and the state that follows from them at a given time.

No status is stored: an intent knows its outcome, when it settles and whether it was canceled before.
"""

from __future__ import annotations

from dataclasses import dataclass

from chassis.money import Money


@dataclass(frozen=True, slots=True)
class IntentRequest:
    """What a merchant asks for; equal requests under one key are the same intent."""

    minor_units: int
    currency_code: str
    payment_method: str
    reference: str


@dataclass(frozen=True, slots=True)
class Intent:
    """One stored intent. `request` is absent in a tombstone: the key was canceled before anything came under it.

    `received` is what comes in when it succeeds, which need not be what was asked.
    """

    number: int
    intent_id: str
    key: str
    request: IntentRequest | None
    outcome: str
    decline_kind: str | None
    decline_code: str | None
    received: Money | None
    create_time: float
    settle_time: float
    cancel_time: float | None

    @property
    def payment_method(self) -> str:
        """What it was to be paid with, nothing in a tombstone."""
        return self.request.payment_method if self.request else ""

    def state(self, now: float) -> str:
        """Return SUCCEEDED, PENDING, DECLINED or CANCELED."""
        if self.cancel_time is not None:
            return "CANCELED"
        return self.outcome if now >= self.settle_time else "PENDING"

    def received_by(self, now: float) -> Money | None:
        """Return what has come in, None where nothing has."""
        return self.received if self.state(now) == "SUCCEEDED" else None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Give part of an intent back; equal requests under one key are the same refund."""

    intent_key: str
    minor_units: int


@dataclass(frozen=True, slots=True)
class Refund:
    """One stored refund, in the currency that came in; `tries` counts the calls that asked for it while it failed."""

    number: int
    refund_id: str
    key: str
    request: RefundRequest
    currency_code: str
    outcome: str
    failure_code: str | None
    tries: int
    create_time: float
    settle_time: float

    def state(self, now: float) -> str:
        """Return SUCCEEDED, PENDING or FAILED."""
        return self.outcome if now >= self.settle_time else "PENDING"
