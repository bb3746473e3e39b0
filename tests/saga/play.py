"""One play under one seed: who steps next, what is delivered again, who dies where, and when everything is quiet."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from tests.saga.customers import Customers
from tests.saga.faults import Fault, Faults, any_fault, no_fault, survive
from tests.saga.office import Office
from tests.saga.postman import Postman
from tests.saga.services import NAMES, Services

PUBLISHERS = tuple(name for name in NAMES if name != "reporting")
WORKERS = ("billing", "billing", "billing", "order")
STEPS = 130
MAX_QUIET_ROUNDS = 400
LEAPS = 0.03
FAULTS = {"command": 0.08, "relay": 0.08, "consume": 0.08, "timers": 0.4, "seal": 0.2}


class Play:
    """A play. `story` is what happened, one line a step, the same for the same seed."""

    def __init__(self, urls: dict[str, str], seed: int, label: str = "") -> None:
        self.mood = random.Random(seed)
        self.services = Services(urls, seed)
        self.faults: Faults = no_fault
        self.office = Office(self.services, label or f"s{seed}", lambda kind: self.faults(kind))
        self.postman = Postman(self.services, lambda kind: self.faults(kind))
        self.customers = Customers(self.services, self.office, self.mood)
        self.story: list[str] = []
        self._steps: dict[str, Callable[[str], int]] = {
            "relay": self.services.relay,
            "consume": self.services.consume,
            "timers": self.services.work_timers,
            "seal": self.services.seal,
        }

    def run(self) -> None:
        """Play until everything is quiet."""
        self.customers.open_shop()
        self._set_mood(self.mood)
        if self.mood.random() < 0.2:
            self.services.provider.go_away(timedelta(seconds=self.mood.choice((2, 20, 200))))
        if self.mood.random() < 0.1:
            self.services.provider.sandbox.refuses_refunds = True
        for _ in range(STEPS):
            self._step()
        self._set_mood(None)
        self.settle()
        if self.mood.random() < 0.3:
            self.rewind()

    def _set_mood(self, mood: random.Random | None) -> None:
        self.services.broker.mood = self.services.provider.mood = mood
        self.services.provider.interlude = self._interlude if mood else lambda order_id: None
        self.faults = self._any_fault if mood else no_fault

    def _step(self) -> None:
        draw = self.mood.random()
        if draw < 0.2:
            self.customers.act()
            self._note("clients", self.office.send_some(self.mood))
        elif draw < 0.25:
            self._note("broker", self.services.broker.repeat_any(self.mood))
        elif draw < 0.35:
            self._pass(self._time())
        elif draw < 0.45:
            self._do("timers", self.mood.choice(WORKERS))
        elif draw < 0.47:
            self._parked(self.mood.choice(NAMES))
        elif draw < 0.49:
            self.services.provider.deliver_late()
        elif draw < 0.53:
            self._note("provider", self.postman.carry_any(self.mood))
        elif draw < 0.56:
            self._do("seal", "billing")
        else:
            self._move()

    def _time(self) -> timedelta:
        """A moment, most of the time; now and then as many days as bring deadlines."""
        if self.mood.random() < LEAPS:
            return timedelta(days=self.mood.choice((1, 7, 8, 15)))
        return timedelta(milliseconds=self.mood.choice((1, 50, 1_000, 5_000, 60_000)))

    def _move(self) -> None:
        """Let somebody publish, or read what is there to be read."""
        readers = [name for name in NAMES if self.services.has_unread(name)]
        if readers and self.mood.random() < 0.6:
            self._do("consume", self.mood.choice(readers))
        else:
            self._do("relay", self.mood.choice(PUBLISHERS))

    def _interlude(self, order_id: str) -> None:
        """While billing waits for the provider, everybody else goes on, and so does its own consumer."""
        self.faults = no_fault
        if self.mood.random() < 0.15:
            self.customers.change_mind(order_id)
            self._note("clients", self.office.send_some(self.mood))
            for kind, name in (("relay", "order"), *(3 * [("consume", "billing")])):
                self._do(kind, name)
        if self.mood.random() < 0.2:
            self._note("provider", self.postman.carry_any(self.mood))
        for _ in range(self.mood.choice((0, 0, 2, 6))):
            self._move()
        self.faults = self._any_fault

    def _any_fault(self, kind: str) -> Fault | None:
        return any_fault(self.mood, kind) if self.mood.random() < FAULTS[kind] else None

    def _do(self, kind: str, name: str) -> int:
        fault = self.faults(kind)
        done = survive(self.services, name, lambda: self._steps[kind](name), fault)
        if done or done is None:
            self._note(f"{name} {kind}", f"died, {fault}" if done is None else str(done))
        return 1 if done is None else done

    def _parked(self, name: str) -> int:
        done = self.services.retry_parked(name)
        if done:
            self._note(f"{name} parked", str(done))
        return done

    def _pass(self, time: timedelta) -> None:
        self.services.clock.advance(time)
        self._note("clock", str(time))

    def _note(self, who: str, what: str) -> None:
        self.story.append(f"{self.services.clock.now():%d %H:%M:%S.%f} {who}: {what}")

    def settle(self) -> None:
        """Go on until nothing moves any more: no call, no record, no event, no timer that is due or will be."""
        for _ in range(MAX_QUIET_ROUNDS):
            if self._pump():
                continue
            self.services.provider.deliver_late()
            if self.postman.carry_all():
                continue
            for wish in self.customers.wishes:
                self.customers.look_after(wish)
            if self.office.waiting:
                self.office.send_all()
            elif not self._next_timer():
                return
        raise AssertionError("it never comes to rest")

    def _pump(self) -> int:
        """One round of every worker; the parking lot only when nothing else moves."""
        moved = sum(self._do("relay", name) for name in PUBLISHERS) + sum(self._do("consume", name) for name in NAMES)
        moved += self._do("seal", "billing")
        return (
            moved or self._do("timers", "billing") or self._do("timers", "order") or sum(self._parked(name) for name in NAMES)
        )

    def _next_timer(self) -> bool:
        times = (self.services.next_due(), self.postman.next_due(), self.services.provider.sandbox.next_arrival())
        due = min((time for time in times if time is not None), default=None)
        if due is None:
            return False
        self._pass(max(due - self.services.clock.now(), timedelta()))
        self.services.provider.sandbox.arrive()
        self.services.end_leases("billing")
        return True

    def rewind(self) -> None:
        """Let every consumer read everything again."""
        for name in NAMES:
            self.services[name].consumer.rewind()
        self._note("everybody", "rewinds")
        self.settle()
