"""What the store says to the deliverer: what is due, when the next thing is, and whether anything is new."""

from __future__ import annotations

import math

from deploy.sandbox_psp.behaviours import Delays
from deploy.sandbox_psp.intents import IntentRequest
from deploy.sandbox_psp.outbox import Attempt
from deploy.sandbox_psp.store import Store
from tests.deploy.sandbox_psp.merchant import MovableClock

DELAYS = Delays(slow=2, late=8)


def _charge(store: Store, method: str, now: float) -> None:
    store.create_intent(method, IntentRequest(100, "EUR", method, "order-1"), now=now, delays=DELAYS)


def test_it_says_when_the_next_thing_is_due(store: Store, clock: MovableClock) -> None:
    now = clock()
    assert store.exchange((), now=now, limit=10) == ([], math.inf)
    _charge(store, "pm_lost_then_arrives", now)
    assert store.exchange((), now=now, limit=10) == ([], now + 8)
    _charge(store, "pm_slow", now)
    assert store.exchange((), now=now, limit=10) == ([], now + 2)
    due, _ = store.exchange((), now=now + 2, limit=10)
    assert [message.type for message in due] == ["payment_intent.succeeded", "fee.charged"]
    attempts = [Attempt(due[0].number, 204), Attempt(due[1].number, 503)]
    assert store.exchange(attempts, now=now + 3, limit=10) == ([], now + 3.5)


def test_it_gives_no_more_than_is_asked_for_the_longest_waiting_first(store: Store, clock: MovableClock) -> None:
    now = clock()
    _charge(store, "pm_slow", now)
    _charge(store, "pm_declined_hard", now + 1)
    due, next_time = store.exchange((), now=now + 9, limit=2)
    assert [message.type for message in due] == ["payment_intent.declined", "payment_intent.succeeded"]
    assert next_time == now + 1


def test_its_changes_move_with_what_is_written_and_not_with_what_is_read(store: Store, clock: MovableClock) -> None:
    now, before = clock(), store.changes
    store.intents(now=now, after=0, limit=10)
    store.exchange((), now=now, limit=10)
    assert store.changes == before
    _charge(store, "pm_ok", now)
    assert store.changes > before
