"""The payment provider as the outside world: lost answers, outages, charges that arrive late, and time that passes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from billing_svc.domain.provider_call import Answer, Call, Outcome
from billing_svc.fake_provider import FakeProvider
from billing_svc.provider import PaymentQuestion, RefundQuestion
from chassis.clock import Clock


class UnrulyProvider:
    """Stands before the sandbox in memory. While `mood` is set, the network is bad; `interlude` runs in every call."""

    def __init__(self, clock: Clock) -> None:
        self.sandbox = FakeProvider(clock)
        self.mood: random.Random | None = None
        self.interlude: Callable[[str], None] = lambda order_id: None
        self.late: list[PaymentQuestion] = []
        """Charges that were sent and have not arrived yet."""
        self.cancelled: frozenset[str] = frozenset()
        """Orders that billing knew as cancelled before it decided what to ask."""
        self.broken: list[str] = []
        self._clock = clock
        self._away_until = clock.now()

    def go_away(self, for_: timedelta) -> None:
        """Answer nothing for a while."""
        self._away_until = self._clock.now() + for_

    def deliver_late(self) -> None:
        """Let everything arrive that is still on its way; nobody hears the answers."""
        for question in self.late:
            self.sandbox.ask_payment(question)
        self.late = []

    def ask_payment(self, question: PaymentQuestion) -> Answer:
        """Charge, inquire about, or cancel an attempt; meanwhile the world goes on. A cancelled order is never charged."""
        if question.call is Call.CHARGE and question.order_id in self.cancelled:
            self.broken.append(f"{question} was sent for a cancelled order")
        self.interlude(question.order_id)
        if self._clock.now() < self._away_until:
            return Answer(Outcome.UNREACHABLE)
        if question.call is Call.CHARGE and self._happens(0.1):
            self.late.append(question)
            return Answer(Outcome.TIMED_OUT)
        answer = self._faulty() or self.sandbox.ask_payment(question)
        self.interlude(question.order_id)
        return Answer(Outcome.TIMED_OUT) if self._happens(0.1) else answer

    def ask_refund(self, question: RefundQuestion) -> Answer:
        """Give money back; meanwhile the world goes on."""
        self.interlude(question.order_id)
        if self._clock.now() < self._away_until:
            return Answer(Outcome.TIMED_OUT)
        answer = self._faulty() or self.sandbox.ask_refund(question)
        self.interlude(question.order_id)
        return Answer(Outcome.TIMED_OUT) if self._happens(0.1) else answer

    def _faulty(self) -> Answer | None:
        """A call that had no effect."""
        if self._happens(0.1):
            return Answer(Outcome.UNREACHABLE)
        return Answer(Outcome.TIMED_OUT) if self._happens(0.05) else None

    def _happens(self, probability: float) -> bool:
        return self.mood is not None and self.mood.random() < probability
