"""The provider in memory for deterministic tests: the sandbox's payment methods, and faults on demand or by a seed."""

from __future__ import annotations

import random
import threading
from collections import deque
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from billing_svc.domain.provider_call import Answer, Call, DeclineKind, Outcome
from billing_svc.fake_methods import LATE, REFUSED_REFUNDS, Intent, Told, intent_of, told_of_payment, told_of_refund
from billing_svc.provider import PaymentQuestion, RefundQuestion
from chassis.clock import Clock


class Fault(StrEnum):
    """How a call goes wrong: REFUSED and TIMED_OUT before it has an effect, LOST_ANSWER after."""

    REFUSED = "REFUSED"
    TIMED_OUT = "TIMED_OUT"
    LOST_ANSWER = "LOST_ANSWER"


class FakeProvider:
    """Keeps intents and refunds by key. `inject` makes the next calls go wrong; `fault_rate` makes any, by the seed."""

    def __init__(self, clock: Clock, *, seed: int = 0, fault_rate: float = 0.0) -> None:
        self.intents: dict[str, Intent] = {}
        self.told: list[Told] = []
        """What he tells by himself, in the order in which it became true."""
        self.refunds: dict[str, RefundQuestion] = {}
        self.calls: list[PaymentQuestion | RefundQuestion] = []
        self.refuses_refunds = False
        self._underway: dict[str, tuple[datetime, PaymentQuestion]] = {}
        self._tries: dict[str, int] = {}
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
        self.arrive()
        known = self.intents.get(key)
        match question.call:
            case Call.CHARGE if known is None:
                return self._charge(question, now)
            case Call.CANCEL if known is None:
                known = self.intents[key] = Intent(None, Outcome.CANCELED, now)
            case Call.CANCEL if known is not None and now < known.settle_time:
                known = self.intents[key] = replace(known, outcome=Outcome.CANCELED, settle_time=now)
                self.told = [*(t for t in self.told if t.due_time <= now or key not in t.message_id)]
                self.told += told_of_payment(key, known)
        return known.answer(key, now) if known else Answer(Outcome.NOT_FOUND)

    def _charge(self, question: PaymentQuestion, now: datetime) -> Answer:
        """Take a charge that is not known yet; some methods lose it, or its answer."""
        key = question.payment_id
        if question.payment_method == "pm_down":
            return Answer(Outcome.UNREACHABLE)
        if question.payment_method == "pm_lost_then_arrives" and key not in self._underway:
            self._underway[key] = now + LATE, question
            return Answer(Outcome.TIMED_OUT)
        self._make(question, now)
        if question.payment_method.startswith("pm_timeout"):
            return Answer(Outcome.TIMED_OUT)
        return self.intents[key].answer(key, now)

    def _make(self, question: PaymentQuestion, now: datetime) -> None:
        declined = sum(intent.decline_kind is DeclineKind.SOFT for intent in self._of(question.order_id))
        intent = self.intents[question.payment_id] = intent_of(question, declined, now)
        self.told += told_of_payment(question.payment_id, intent)

    def _of(self, order_id: str) -> list[Intent]:
        return [it for it in self.intents.values() if it.question is not None and it.question.order_id == order_id]

    def arrive(self) -> None:
        """Let charges arrive that were lost for a while; one whose key is known by then changes nothing."""
        now = self._clock.now()
        for key, (due, question) in self._underway.items():
            if due <= now and key not in self.intents:
                self._make(question, now)

    def next_arrival(self) -> datetime | None:
        """When the next charge arrives that was lost for a while."""
        return min((due for key, (due, _) in self._underway.items() if key not in self.intents), default=None)

    def _refund(self, question: RefundQuestion) -> Answer:
        known = self.refunds.get(question.refund_id)
        tries = self._tries[question.refund_id] = self._tries.get(question.refund_id, 0) + 1
        if self.refuses_refunds or (known is None and not self._may_refund(question, tries)):
            return Answer(Outcome.DECLINED)
        if known is None:
            self.refunds[question.refund_id] = question
            self.told.append(told_of_refund(question, self._clock.now()))
        return Answer(Outcome.SUCCEEDED, question.amount, f"re_{question.refund_id}")

    def _may_refund(self, question: RefundQuestion, tries: int) -> bool:
        intent = self.intents.get(question.payment_id)
        if intent is None or intent.question is None or intent.outcome is not Outcome.SUCCEEDED or intent.amount is None:
            return False
        if intent.question.payment_method == "pm_refund_fails" and tries <= REFUSED_REFUNDS:
            return False
        mine = (r for r in self.refunds.values() if r.payment_id == question.payment_id)
        given = sum(refund.amount.minor_units for refund in mine)
        is_same = intent.amount.currency_code == question.amount.currency_code
        return is_same and given + question.amount.minor_units <= intent.amount.minor_units


def _lost(fault: Fault) -> Answer:
    return Answer(Outcome.UNREACHABLE if fault is Fault.REFUSED else Outcome.TIMED_OUT)
