"""A payment attempt: what the provider said about it, in whatever order, and where it is therefore."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing_svc.domain.dunning import Dunning
from billing_svc.domain.provider_call import RETRIES, Answer, Call, DeclineKind, Outcome, poll_time, retry_time
from chassis.money import Money


class PaymentState(StrEnum):
    """Where an attempt is; always derived from its facts."""

    INITIATED = "INITIATED"
    PENDING = "PENDING"
    UNKNOWN = "UNKNOWN"
    SUCCEEDED = "SUCCEEDED"
    DECLINED = "DECLINED"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"


class FailureReason(StrEnum):
    """Why an attempt did not pay what is owed."""

    DECLINED_SOFT = "DECLINED_SOFT"
    DECLINED_HARD = "DECLINED_HARD"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    SHORT = "SHORT"
    CURRENCY = "CURRENCY"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to be paid; `payment_id` is the idempotency key at the provider.

    `dunning` says which attempt of which chain it is. `failures` counts calls in a row that said nothing about the money,
    `polls` the answers that he works on it. `is_lost` means that he does not know it, so it is sent again. `received` is what
    came in, `applied` the part of it that went to the invoice, in the invoice's currency. `next_attempt_time` is when
    another attempt follows by itself. `has_late_failure` says that he reported a failure after the money had come.
    """

    payment_id: str
    number: int
    amount: Money
    payment_method: str
    next_call_time: datetime | None
    dunning: Dunning
    failures: int = 0
    polls: int = 0
    is_unknown: bool = False
    is_pending: bool = False
    is_lost: bool = False
    is_withdrawn: bool = False
    decline_kind: DeclineKind | None = None
    received: Money | None = None
    applied: Money | None = None
    provider_reference: str | None = None
    exception_id: str | None = None
    next_attempt_time: datetime | None = None
    has_late_failure: bool = False

    @property
    def state(self) -> PaymentState:
        """Where it is: money that came in beats everything, what is certain beats what is not."""
        if self.received is not None:
            return PaymentState.SUCCEEDED
        if self.decline_kind is not None:
            return PaymentState.DECLINED
        if self.is_withdrawn:
            return PaymentState.NOT_ATTEMPTED
        if self.is_pending:
            return PaymentState.PENDING
        return PaymentState.UNKNOWN if self.is_unknown else PaymentState.INITIATED

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.received is None and self.decline_kind is None and not self.is_withdrawn

    @property
    def failure_reason(self) -> FailureReason | None:
        """Why it did not pay what is owed; None where it did, still may, or was no longer wanted."""
        if self.received is not None:
            if self.received.currency_code != self.amount.currency_code:
                return FailureReason.CURRENCY
            return FailureReason.SHORT if self.received.minor_units < self.amount.minor_units else None
        if self.decline_kind is not None:
            return FailureReason.DECLINED_SOFT if self.decline_kind is DeclineKind.SOFT else FailureReason.DECLINED_HARD
        return FailureReason.PROVIDER_UNAVAILABLE if self.is_withdrawn and self.failures > RETRIES else None

    def next_call(self, *, wants_money: bool) -> Call | None:
        """Return what to ask next. What is no longer wanted, or was tried too often, is cancelled, never sent."""
        if not self.is_open:
            return None
        if not wants_money or self.failures > RETRIES:
            return Call.CANCEL
        if self.is_pending or (self.is_unknown and not self.is_lost):
            return Call.INQUIRE
        return Call.CHARGE

    def hear(self, answer: Answer, now: datetime) -> Attempt:
        """Learn an answer that brought no money.

        Of an attempt that is closed, a failure after a success is kept as a contradiction, and a refusal beats a withdrawal:
        so what is heard may come in any order.
        """
        if self.received is not None:
            return replace(self, has_late_failure=True) if answer.outcome in (Outcome.DECLINED, Outcome.CANCELED) else self
        if not self.is_open:
            refused = answer.outcome is Outcome.DECLINED and self.decline_kind is None
            return replace(self, decline_kind=answer.decline_kind or DeclineKind.HARD) if refused else self
        known = replace(self, provider_reference=answer.reference or self.provider_reference)
        match answer.outcome:
            case Outcome.DECLINED:
                return replace(known, decline_kind=answer.decline_kind or DeclineKind.HARD, next_call_time=None)
            case Outcome.CANCELED:
                return replace(known, is_withdrawn=True, next_call_time=None)
            case Outcome.PENDING:
                later = poll_time(now, self.polls + 1)
                return replace(known, is_pending=True, is_lost=False, polls=self.polls + 1, failures=0, next_call_time=later)
            case _:
                return known._fail(answer.outcome, now)

    def _fail(self, outcome: Outcome, now: datetime) -> Attempt:
        """Learn that a call said nothing about the money. Not knowing the attempt is news after a timeout, no failure."""
        is_news = outcome is Outcome.NOT_FOUND and self.is_unknown and not self.is_lost and not self.is_pending
        failures = self.failures if is_news else self.failures + 1
        return replace(
            self,
            failures=failures,
            next_call_time=retry_time(now, self.payment_id, max(failures, 1)),
            is_unknown=self.is_unknown or outcome is Outcome.TIMED_OUT,
            is_lost=(self.is_lost or outcome is Outcome.NOT_FOUND) and outcome is not Outcome.TIMED_OUT,
        )

    def receive(self, received: Money, applied: Money, reference: str | None) -> Attempt:
        """Learn that money came in."""
        return replace(
            self,
            received=received,
            applied=applied,
            provider_reference=reference or self.provider_reference,
            next_call_time=None,
            next_attempt_time=None,
        )
