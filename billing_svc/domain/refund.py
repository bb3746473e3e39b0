"""Money on its way back, always of one payment. A refund that failed stays owed; it can still succeed later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing_svc.domain.provider_call import RETRIES, Answer, Outcome, poll_time, retry_time
from chassis.money import Money


class RefundState(StrEnum):
    """Where a refund is; always derived from its facts."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class RefundReason(StrEnum):
    """Why money is given back."""

    ORDER_CANCELLED = "ORDER_CANCELLED"
    UNAPPLIED_CASH = "UNAPPLIED_CASH"
    LINES_CANCELLED = "LINES_CANCELLED"
    ALLOWANCE = "ALLOWANCE"


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund; `refund_id` is the idempotency key at the provider, so sending it again is always safe."""

    refund_id: str
    payment_id: str
    amount: Money
    reason: RefundReason
    next_call_time: datetime | None
    failures: int = 0
    polls: int = 0
    is_pending: bool = False
    is_succeeded: bool = False
    is_failed: bool = False
    provider_reference: str | None = None

    @property
    def state(self) -> RefundState:
        """Where it is."""
        if self.is_succeeded:
            return RefundState.SUCCEEDED
        if self.is_failed:
            return RefundState.FAILED
        return RefundState.PENDING if self.is_pending else RefundState.REQUESTED

    @property
    def is_open(self) -> bool:
        """Whether the provider will be asked again by itself."""
        return not self.is_succeeded and not self.is_failed

    def tried_again(self, now: datetime) -> Refund:
        """It is asked for once more, from now on as if for the first time."""
        return replace(self, is_failed=False, is_pending=False, failures=0, next_call_time=now)

    def hear(self, answer: Answer, now: datetime) -> Refund:
        """Learn an answer. Five retries in a row that ended in nothing are a failure."""
        if self.is_succeeded:
            return self
        known = replace(self, provider_reference=answer.reference or self.provider_reference)
        if answer.outcome is Outcome.SUCCEEDED:
            return replace(known, is_succeeded=True, next_call_time=None)
        if not self.is_open:
            return self
        if answer.outcome is Outcome.PENDING:
            later = poll_time(now, self.polls + 1)
            return replace(known, is_pending=True, polls=self.polls + 1, failures=0, next_call_time=later)
        failures = self.failures + 1
        if failures > RETRIES:
            return replace(known, failures=failures, is_pending=False, is_failed=True, next_call_time=None)
        return replace(known, failures=failures, is_pending=False, next_call_time=retry_time(now, self.refund_id, failures))
