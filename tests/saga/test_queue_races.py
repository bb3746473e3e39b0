"""The races of domain.md about those who wait, by their number: once in order, then shuffled and with repeats."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.world import Actor
from tests.saga import people
from tests.saga.databases import Databases
from tests.saga.scene import staged

MOODS = pytest.mark.parametrize("mood", [None, 1], ids=["in order", "shuffled"])
GONE = ("CANCELLED", "RELEASED")


@MOODS
def test_race_4_stock_that_comes_for_a_cancelled_order_goes_to_the_next(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-4", mood) as scene:
        scene.item(stock=0)
        first, second = scene.place(3), scene.place(3)
        scene.office.now(people.receipt("PO-race", **{scene.sku: 3}), people.CLERK)
        scene.office.now(people.cancel(first), people.BUYER)
        scene.rest()
        assert scene.shows(first)[:2] == GONE
        assert scene.shows(first)[-1] == "SETTLED"
        assert scene.shows(second)[0] == "CONFIRMED"
        assert scene.stock() == (3, 3)


@pytest.mark.parametrize(("mood", "receipt_is_first"), [(None, True), (1, False), (2, True)])
def test_race_18_a_receipt_serves_the_queue_before_a_new_order(
    databases: Databases, mood: int | None, receipt_is_first: bool
) -> None:
    with staged(databases, f"race-18-{receipt_is_first}", mood) as scene:
        scene.item(stock=0)
        first = scene.place(4)
        calls: list[tuple[Any, Actor]] = [(people.receipt("PO-race", **{scene.sku: 5}), people.CLERK)]
        order = people.order(scene.customer, "pm_ok", people.line(scene.sku, 2))
        calls.insert(1 if receipt_is_first else 0, (order, people.BUYER))
        asked = [scene.office.ask(request, actor) for request, actor in calls]
        scene.office.send_all()
        scene.rest()
        second = next(call.response.order.order_id for call in asked if call.service == "order")
        assert [scene.shows(order_id)[0] for order_id in (first, second)] == ["CONFIRMED", "BACKORDERED"]
        assert [line.held for line in scene.of(second).held.lines] == [1]
        assert scene.stock() == (5, 5)


@MOODS
def test_race_19_the_part_of_a_cancelled_backorder_goes_to_the_next_in_line(databases: Databases, mood: int | None) -> None:
    with staged(databases, "race-19", mood) as scene:
        scene.item(stock=6)
        first, second, third = scene.place(8), scene.place(5), scene.place(1)
        scene.do(people.prioritize(third, 3), people.CLERK)
        scene.do(people.cancel(first), people.BUYER)
        assert scene.shows(first)[:2] == GONE
        assert [scene.shows(order_id)[0] for order_id in (second, third)] == ["CONFIRMED", "CONFIRMED"]
        assert scene.stock() == (6, 6)


@MOODS
def test_what_an_operator_releases_goes_to_the_next_and_the_order_is_completed_at_once_later(
    databases: Databases, mood: int | None
) -> None:
    with staged(databases, "release", mood) as scene:
        scene.item(stock=6)
        first, second = scene.place(8), scene.place(5)
        scene.do(people.release_held(first), people.CLERK)
        assert [scene.shows(order_id)[0] for order_id in (first, second)] == ["BACKORDERED", "CONFIRMED"]
        scene.receive(6)
        assert scene.stock() == (12, 5), "7 are free, and 8 are needed at once"
        scene.receive(1)
        assert scene.shows(first)[0] == "CONFIRMED"
        assert scene.told(first)["inventory-svc"] == ["InventoryReservationFailed", "InventoryReleased", "InventoryReserved"]
