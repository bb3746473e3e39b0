"""What the sandbox's payment methods make of a charge, for the provider in memory; and what he tells of it by himself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing_svc.domain.provider_call import Answer, DeclineKind, Outcome
from billing_svc.provider import PaymentQuestion, RefundQuestion
from billing_svc.settings import SANDBOX_METHODS
from chassis.money import Money

SLOW, LATE = timedelta(seconds=1.5), timedelta(seconds=8)
REFUSED_REFUNDS = 6


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment intent as the provider keeps it. It is None about what it was where it was canceled before anything came.

    `received` is what came in, if that is not what was asked for.
    """

    question: PaymentQuestion | None
    outcome: Outcome
    settle_time: datetime
    decline_kind: DeclineKind | None = None
    received: Money | None = None

    @property
    def amount(self) -> Money | None:
        """What came in where it succeeded."""
        return self.received or (self.question.amount if self.question else None)

    def answer(self, key: str, now: datetime) -> Answer:
        """Say what holds now."""
        if now < self.settle_time:
            return Answer(Outcome.PENDING, self.amount, f"pi_{key}")
        return Answer(self.outcome, self.amount, f"pi_{key}", self.decline_kind)


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the provider's, which he sends from a time on, any number of times."""

    message_id: str
    due_time: datetime
    body: str


def intent_of(question: PaymentQuestion, declined_before: int, now: datetime) -> Intent:
    """Return what becomes of a charge; `declined_before` counts the soft declines of its order."""
    amount = question.amount
    match question.payment_method:
        case "pm_slow":
            return Intent(question, Outcome.SUCCEEDED, now + SLOW)
        case "pm_declined_soft":
            return Intent(question, Outcome.DECLINED, now, DeclineKind.SOFT)
        case "pm_soft_twice_then_ok" if declined_before < 2:
            return Intent(question, Outcome.DECLINED, now, DeclineKind.SOFT)
        case "pm_declined_hard" | "pm_timeout_then_declined":
            return Intent(question, Outcome.DECLINED, now, DeclineKind.HARD)
        case "pm_wrong_amount":
            return Intent(
                question, Outcome.SUCCEEDED, now, received=Money(amount.currency_code, max(1, amount.minor_units // 2))
            )
        case "pm_wrong_currency":
            other = "EUR" if amount.currency_code == "USD" else "USD"
            return Intent(question, Outcome.SUCCEEDED, now, received=Money(other, amount.minor_units))
        case method if method in SANDBOX_METHODS:
            return Intent(question, Outcome.SUCCEEDED, now)
        case _:
            return Intent(question, Outcome.DECLINED, now, DeclineKind.HARD)


def told_of_payment(key: str, intent: Intent) -> Sequence[Told]:
    """Return what the provider tells of an intent by himself: its outcome, the fee, and what its method makes him say."""
    if intent.question is None:
        return ()
    name = {Outcome.SUCCEEDED: "succeeded", Outcome.DECLINED: "declined"}.get(intent.outcome, "canceled")
    told = [_told(f"payment_intent.{name}", key, intent.settle_time, _payment(key, intent, intent.outcome))]
    if intent.outcome is Outcome.SUCCEEDED and intent.amount:
        told.append(_told("fee.charged", key, intent.settle_time, _fee(key, intent.amount)))
        if intent.question.payment_method == "pm_late_failure_after_success":
            late = intent.settle_time + LATE
            told.append(_told("payment_intent.declined", key, late, _payment(key, intent, Outcome.DECLINED)))
    return told


def told_of_refund(question: RefundQuestion, now: datetime) -> Told:
    """Return what the provider tells of a refund that went well."""
    amount = question.amount
    data = {"refund_id": f"re_{question.refund_id}", "key": question.refund_id, "intent_key": question.payment_id}
    said = {**data, "state": "SUCCEEDED", "minor_units": amount.minor_units, "currency_code": amount.currency_code}
    return _told("refund.succeeded", question.refund_id, now, said)


def _payment(key: str, intent: Intent, outcome: Outcome) -> dict[str, Any]:
    question, amount = intent.question, intent.amount
    assert question is not None, "of a tombstone nothing is told"  # noqa: S101 - narrows the type
    came = amount if amount and outcome is Outcome.SUCCEEDED else None
    return {
        "intent_id": f"pi_{key}",
        "key": key,
        "state": outcome.value,
        "decline_kind": (intent.decline_kind or DeclineKind.HARD).value.lower() if outcome is Outcome.DECLINED else None,
        "minor_units": question.amount.minor_units,
        "currency_code": question.amount.currency_code,
        "received_minor_units": came.minor_units if came else None,
        "received_currency_code": came.currency_code if came else None,
        "payment_method": question.payment_method,
        "reference": question.order_id,
    }


def _fee(key: str, amount: Money) -> dict[str, Any]:
    fee = min(amount.minor_units, amount.times(140, 10_000).minor_units + 25)
    return {"fee_id": f"fee_{key}", "intent_key": key, "minor_units": fee, "currency_code": amount.currency_code}


def _told(kind: str, key: str, due_time: datetime, data: dict[str, Any]) -> Told:
    return Told(f"msg_{kind}_{key}", due_time, json.dumps({"type": kind, "data": data}))
