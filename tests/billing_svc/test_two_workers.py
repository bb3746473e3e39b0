"""Two workers for every job: whoever comes first does it, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from billing_svc.domain.payment import PaymentState
from billing_svc.provider import RefundQuestion
from chassis.timers import TimerWorker
from tests.billing_svc.builders import inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.till import Till, new_order_id

ORDERS, WORKERS = 12, 3
ROUNDS = 40


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """A service of this module's own: its timers are worked by several."""
    return new_till()


def _work(till: Till) -> None:
    """Let several workers do what is due, all at the same time, until nothing is."""
    workers = [TimerWorker(till.application.service, till.application.blueprint.works) for _ in range(WORKERS)]
    for _ in range(ROUNDS):
        start = Barrier(WORKERS)

        def step(worker: TimerWorker, start: Barrier = start) -> int:
            start.wait()
            return worker.step()

        with ThreadPoolExecutor(WORKERS) as threads:
            if not sum(threads.map(step, workers)):
                break
    for worker in workers:
        worker.close()


def _orders(till: Till, method: str) -> list[str]:
    orders = [new_order_id() for _ in range(ORDERS)]
    till.read(*[event for order in orders for event in (order_placed(order, method=method), inventory_reserved(order))])
    return orders


def test_each_payment_is_charged_and_told_once(till: Till) -> None:
    orders = _orders(till, "pm_ok")
    _work(till)
    for order_id in orders:
        assert len(till.provider.charged(order_id)) == 1
        assert till.names(order_id) == ["InvoiceCreated", "PaymentSucceeded"]
    assert till.findings() == []


def test_each_refund_is_given_once(till: Till) -> None:
    orders = _orders(till, "pm_ok")
    _work(till)
    till.read(*map(order_cancelled, orders))
    _work(till)
    asked = Counter(call.order_id for call in till.provider.calls if isinstance(call, RefundQuestion))
    assert [asked[order_id] for order_id in orders] == [1] * ORDERS
    assert {order_id: till.balances(order_id) for order_id in orders} == {order_id: {} for order_id in orders}


def test_each_attempt_that_follows_begins_once(till: Till) -> None:
    orders = _orders(till, "pm_declined_soft")
    _work(till)
    till.clock.advance(timedelta(hours=1))
    _work(till)
    for order_id in orders:
        attempts = till.account(order_id).attempts
        assert [attempt.number for attempt in attempts] == [1, 2]
        assert {attempt.state for attempt in attempts} == {PaymentState.DECLINED}
