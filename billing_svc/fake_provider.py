"""The provider in memory for deterministic tests: the sandbox's payment methods, and faults on demand or by a seed."""

from __future__ import annotations

import random
import threading
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from billing_svc.domain.provider_call import Answer, Call, DeclineKind, Outcome
from billing_svc.provider import PaymentQuestion, RefundQuestion
from chassis.clock import Clock
from chassis.money import Money

SLOW = timedelta(seconds=1.5)


class Fault(StrEnum):
    """How a call goes wrong: REFUSED and TIMED_OUT before it has an effect, LOST_ANSWER after."""

    REFUSED = "REFUSED"
    TIMED_OUT = "TIMED_OUT"
    LOST_ANSWER = "LOST_ANSWER"


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment intent as the provider keeps it; `amount` is None where it was canceled before anything came."""

    amount: Money | None
    outcome: Outcome
    settle_time: datetime
    decline_kind: DeclineKind | None = None

    def answer(self, key: str, now: datetime) -> Answer:
        """Say what holds now."""
        if now < self.settle_time:
            return Answer(Outcome.PENDING, self.amount, f"pi_{key}")
        return Answer(self.outcome, self.amount, f"pi_{key}", self.decline_kind)


class FakeProvider:
    """Keeps intents and refunds by key. `inject` makes the next calls go wrong; `fault_rate` makes any, by the seed."""

    def __init__(self, clock: Clock, *, seed: int = 0, fault_rate: float = 0.0) -> None:
        self.intents: dict[str, Intent] = {}
        self.refunds: dict[str, RefundQuestion] = {}
        self.calls: list[PaymentQuestion | RefundQuestion] = []
        self.refuses_refunds = False
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - repeatable faults, no secret
        self._fault_rate = fault_rate
        self._faults: deque[Fault | None] = deque()
        self._lock = threading.Lock()

    def inject(self, *faults: Fault | None) -> None:
        """Make the next calls go wrong, in this order; None lets one through."""
        self._faults.extend(faults)

    def recover(self) -> None:
        """Forget the faults that are still to come."""
        self._faults.clear()
        self.refuses_refunds = False

    def charged(self, order_id: str) -> list[PaymentQuestion]:
        """Return the charges that were sent for an order."""
        payments = (q for q in self.calls if isinstance(q, PaymentQuestion))
        return [q for q in payments if q.order_id == order_id and q.call is Call.CHARGE]

    def ask_payment(self, question: PaymentQuestion) -> Answer:
        """Charge, inquire about, or cancel an attempt."""
        with self._lock:
            self.calls.append(question)
            fault = self._fault()
            if fault in (Fault.REFUSED, Fault.TIMED_OUT):
                return _lost(fault)
            answer = self._payment(question)
            return _lost(fault) if fault else answer

    def ask_refund(self, question: RefundQuestion) -> Answer:
        """Give money back, once a key and never more than came in."""
        with self._lock:
            self.calls.append(question)
            fault = self._fault()
            if fault in (Fault.REFUSED, Fault.TIMED_OUT):
                return _lost(fault)
            answer = self._refund(question)
            return _lost(fault) if fault else answer

    def _fault(self) -> Fault | None:
        if self._faults:
            return self._faults.popleft()
        if self._random.random() < self._fault_rate:
            return self._random.choice(list(Fault))
        return None

    def _payment(self, question: PaymentQuestion) -> Answer:
        now, key = self._clock.now(), question.payment_id
        known = self.intents.get(key)
        match question.call:
            case Call.CHARGE:
                known = self.intents.setdefault(key, _intent(question, now))
            case Call.CANCEL if known is None:
                known = self.intents.setdefault(key, Intent(None, Outcome.CANCELED, now))
            case Call.CANCEL if known is not None and now < known.settle_time:
                known = self.intents[key] = replace(known, outcome=Outcome.CANCELED, settle_time=now)
        return known.answer(key, now) if known else Answer(Outcome.NOT_FOUND)

    def _refund(self, question: RefundQuestion) -> Answer:
        intent = self.intents.get(question.payment_id)
        others = (r for r in self.refunds.values() if r.refund_id != question.refund_id)
        given = sum(r.amount.minor_units for r in others if r.payment_id == question.payment_id)
        came = intent.amount.minor_units if intent and intent.amount and intent.outcome is Outcome.SUCCEEDED else 0
        if self.refuses_refunds or given + question.amount.minor_units > came:
            return Answer(Outcome.DECLINED)
        self.refunds[question.refund_id] = question
        return Answer(Outcome.SUCCEEDED, question.amount, f"re_{question.refund_id}")


def _lost(fault: Fault) -> Answer:
    return Answer(Outcome.UNREACHABLE if fault is Fault.REFUSED else Outcome.TIMED_OUT)


def _intent(question: PaymentQuestion, now: datetime) -> Intent:
    match question.payment_method:
        case "pm_ok":
            return Intent(question.amount, Outcome.SUCCEEDED, now)
        case "pm_slow":
            return Intent(question.amount, Outcome.SUCCEEDED, now + SLOW)
        case "pm_declined_soft":
            return Intent(question.amount, Outcome.DECLINED, now, DeclineKind.SOFT)
        case _:
            return Intent(question.amount, Outcome.DECLINED, now, DeclineKind.HARD)
