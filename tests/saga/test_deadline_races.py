"""Deadlines of orders, race 20 of domain.md among them: once in order, then shuffled and with repeats."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.saga import people
from tests.saga.databases import Databases
from tests.saga.scene import Scene, staged

MOODS = pytest.mark.parametrize("mood", [None, 1], ids=["in order", "shuffled"])
DAY = timedelta(days=1)


@MOODS
def test_a_backorder_is_given_up_after_two_weeks_and_the_next_in_line_gets_what_it_held(
    databases: Databases, mood: int | None
) -> None:
    with staged(databases, "backorder-expired", mood) as scene:
        scene.item(stock=2)
        first = scene.place(3)
        scene.let_pass(8 * DAY)
        second = scene.place(2)
        assert [scene.shows(order)[0] for order in (first, second)] == ["BACKORDERED", "BACKORDERED"]
        scene.let_pass(7 * DAY)
        assert scene.shows(first) == ("CANCELLED", "RELEASED", "AWAITED", "AWAITED", "NOT_REQUIRED", "SETTLED")
        assert scene.of(first).order.cancel_reason == "BACKORDER_EXPIRED"
        assert scene.shows(second)[0] == "CONFIRMED"
        assert scene.stock() == (2, 2)


@MOODS
def test_an_order_that_nobody_pays_is_given_up_after_a_week_without_a_trace(databases: Databases, mood: int | None) -> None:
    with staged(databases, "payment-expired", mood) as scene:
        scene.item(stock=2)
        order_id = scene.place(2, method="pm_declined_hard")
        scene.let_pass(6 * DAY)
        assert scene.shows(order_id)[0] == "PAYMENT_FAILED"
        scene.let_pass(2 * DAY)
        assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "VOID", "FAILED", "NOT_REQUIRED", "SETTLED")
        assert scene.of(order_id).order.cancel_reason == "PAYMENT_EXPIRED"
        assert scene.of(order_id).balances == {}


@pytest.mark.parametrize("is_read_first", [True, False], ids=["the payment is read first", "the deadline is worked first"])
@MOODS
def test_race_20_a_deadline_against_a_payment_that_succeeds(
    databases: Databases, mood: int | None, is_read_first: bool
) -> None:
    with staged(databases, f"race-20-{is_read_first}", mood) as scene:
        scene.item(stock=2)
        call = scene.office.ask(people.order(scene.customer, "pm_ok", people.line(scene.sku, 2)), people.BUYER)
        scene.office.send_all()
        order_id = str(call.response.order.order_id)
        _until_paid_and_not_read(scene)
        scene.services.clock.advance(8 * DAY)
        for worker in (_read, _work) if is_read_first else (_work, _read):
            worker(scene)
        scene.rest()
        if is_read_first:
            assert scene.shows(order_id) == ("CONFIRMED", "RESERVED", "PAID", "PAID", "NOT_REQUIRED")
        else:
            assert scene.shows(order_id) == ("CANCELLED", "RELEASED", "CREDITED", "REFUNDED", "NOT_REQUIRED", "SETTLED")
            assert scene.of(order_id).order.cancel_reason == "PAYMENT_EXPIRED"
            assert scene.of(order_id).balances == {}


def _until_paid_and_not_read(scene: Scene) -> None:
    """Let everything happen until the provider is asked; then billing publishes its answer, and order_svc reads nothing."""
    names = ("order", "inventory", "billing", "workflow")
    moves = True
    while moves:
        published = [scene.services[name].relay.step() for name in names]
        moves = any(published)
        for name in names:
            while scene.services.has_unread(name):
                moves = bool(scene.services[name].consumer.step()) or moves
    assert scene.services.work_timers("billing")
    scene.services["billing"].relay.step()
    assert scene.services.has_unread("order")


def _read(scene: Scene) -> None:
    while scene.services.has_unread("order"):
        scene.services["order"].consumer.step()


def _work(scene: Scene) -> None:
    while scene.services.work_timers("order"):
        pass
