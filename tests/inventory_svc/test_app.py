"""inventory_svc as a whole, on a real database: orders in, stock decisions out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from atlas.inventory.v1 import inventory_events_pb2 as inventory
from chassis.broker import InRecord
from chassis.command_handling import CommandCall, run_commands
from chassis.errors import Refusal
from chassis.event_handling import EventHandler
from chassis.world import Keys
from inventory_svc.domain.stock import StockItem
from inventory_svc.invariants import check
from tests.inventory_svc.counter import Counter, a_receipt, an_order


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """An item of this test alone."""
    return f"{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture(autouse=True)
def _invariants_hold(counter: Counter) -> Iterator[None]:
    yield
    with counter.application.database.begin() as connection:
        assert [finding for finding in check(connection) if finding.wrong] == []


def _stock(counter: Counter, sku: str) -> tuple[int, int, int]:
    with counter.application.database.connect() as connection:
        query = text("SELECT on_hand, reserved, backordered FROM stock_item WHERE sku = :sku")
        return tuple(connection.execute(query, {"sku": sku}).one())


def test_the_backorder_scenario_completes_a_then_b(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    a, b = an_order((sku, 8), minute=1), an_order((sku, 5), minute=2)
    counter.publish(a.placed(), b.placed())
    (failed,) = counter.published(a.order_id)
    assert failed.reason == inventory.RESERVATION_FAILURE_BACKORDERED
    assert [(line.held, line.missing) for line in failed.lines] == [(6, 2)]
    assert list(counter.receive((sku, 4)).completed_order_ids) == [a.order_id]
    assert list(counter.receive((sku, 5)).completed_order_ids) == [b.order_id]
    for order in (a, b):
        assert counter.kinds(order.order_id) == ["InventoryReservationFailed", "InventoryReserved"]
    assert _stock(counter, sku) == (15, 13, 0)


def test_a_shipped_order_leaves_with_its_cost(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    order = an_order((sku, 2), (sku, 1))
    counter.publish(order.placed(), order.confirmed(), order.fulfilled(), order.fulfilled())
    assert counter.kinds(order.order_id) == ["InventoryReserved", "StockShipped"]
    shipped = counter.published(order.order_id)[-1]
    assert (shipped.value.currency_code, shipped.value.minor_units) == ("EUR", 3600)
    assert [(line.quantity, line.unit_cost.minor_units) for line in shipped.lines] == [(2, 1200), (1, 1200)]
    assert _stock(counter, sku) == (3, 0, 0)


def test_each_part_of_a_shipped_order_leaves_with_its_cost(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    order = an_order((sku, 3))
    first, last = order.partially_fulfilled(1), order.fulfilled(but=1)
    counter.publish(order.placed(), order.confirmed(), first, first)
    assert _stock(counter, sku) == (5, 2, 0)
    counter.publish(last, first, last)
    assert counter.kinds(order.order_id) == ["InventoryReserved", "StockShipped", "StockShipped"]
    assert [event.value.minor_units for event in counter.published(order.order_id)[1:]] == [1200, 2400]
    assert _stock(counter, sku) == (3, 0, 0)


def test_a_cancelled_backorder_gives_its_part_to_the_next(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    a, b = an_order((sku, 8), minute=1), an_order((sku, 5), minute=2)
    counter.publish(a.placed(), b.placed(), a.cancelled(), a.cancelled())
    assert counter.kinds(a.order_id) == ["InventoryReservationFailed", "InventoryReleased"]
    released = counter.published(a.order_id)[-1]
    assert released.reason == inventory.RELEASE_REASON_ORDER_CANCELLED
    assert [line.quantity for line in released.lines] == [6]
    assert counter.kinds(b.order_id)[-1] == "InventoryReserved"


def test_a_cancel_read_first_leaves_a_tombstone(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    order = an_order((sku, 2))
    counter.publish(order.cancelled(), order.placed())
    assert counter.kinds(order.order_id) == ["InventoryReleased"]
    assert _stock(counter, sku) == (6, 0, 0)


def test_an_unknown_item_is_answered_and_its_cancel_too(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    order = an_order((sku, 2), (f"{sku}-unknown", 1))
    counter.publish(order.placed(), order.cancelled())
    failed, released = counter.published(order.order_id)
    assert failed.reason == inventory.RESERVATION_FAILURE_UNKNOWN_ITEM
    assert list(released.lines) == []
    assert _stock(counter, sku) == (6, 0, 0)


def test_a_whole_batch_ends_as_if_read_one_by_one(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=5)
    orders = [an_order((sku, 2), minute=n) for n in range(4)]
    for event in [*(order.placed() for order in orders), orders[0].cancelled(), orders[3].cancelled()]:
        counter.send(event)
    counter.settle()
    assert [counter.kinds(order.order_id)[-1] for order in orders] == [
        "InventoryReleased",
        "InventoryReserved",
        "InventoryReserved",
        "InventoryReleased",
    ]
    assert _stock(counter, sku) == (5, 4, 0)


def test_a_receipt_tells_each_sku_in_a_stream_of_its_own(counter: Counter, sku: str) -> None:
    counter.create(f"{sku}-a")
    counter.create(f"{sku}-b")
    receipt = counter.receive((f"{sku}-b", 2), (f"{sku}-a", 3))
    (event,) = counter.published(f"{sku}-a")
    assert (event.quantity, event.value_change.minor_units, event.receipt_id) == (3, 3600, receipt.receipt_id)
    assert counter.kinds(f"{sku}-b") == ["StockReceived"]


def test_the_same_key_receives_once(counter: Counter, sku: str) -> None:
    counter.create(sku)
    first, *others = counter.run(*[a_receipt((sku, 5), key=f"once {sku}") for _ in range(50)])
    assert all(answer.response == first.response and answer.replayed for answer in others)
    assert _stock(counter, sku) == (5, 0, 0)


def test_a_bad_receipt_does_not_fail_its_neighbours(counter: Counter, sku: str) -> None:
    counter.create(sku)
    good, bad = counter.run(a_receipt((sku, 5)), a_receipt((sku, 5), (f"{sku}-unknown", 1)))
    assert good.error is None
    assert isinstance(bad.error, Refusal)
    assert bad.error.reason == "VALIDATION_FAILED"
    assert _stock(counter, sku) == (5, 0, 0)


def test_replaying_the_whole_topic_changes_nothing(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    orders = [an_order((sku, 2), minute=n) for n in range(5)]
    counter.publish(*[o.placed() for o in orders], orders[0].confirmed(), orders[0].fulfilled(), orders[1].cancelled())
    before = (_stock(counter, sku), [counter.kinds(order.order_id) for order in orders])
    counter.application.consumer.rewind()
    counter.settle()
    assert (_stock(counter, sku), [counter.kinds(order.order_id) for order in orders]) == before


def test_a_waiting_order_is_locked_only_by_messages_that_walk_its_queue(counter: Counter, sku: str) -> None:
    counter.create(sku)
    counter.publish(an_order((sku, 2)).placed())
    service = counter.application.service
    bare: Keys = frozenset({(StockItem, sku)})
    with service.database.begin() as connection:
        assert [kind for kind, _ in service.store.load(connection, bare).rows] == [StockItem]
        walking = service.store.load(connection, a_receipt((sku, 1)).command.keys(a_receipt((sku, 1)).parsed))
        assert len(walking.rows) == 2


def test_two_hundred_orders_at_once_share_a_hundred_units_and_the_rest_queue(counter: Counter, sku: str) -> None:
    """Writers of all kinds at once: no deadlock, no oversale, nobody overtakes (reliability.md, fault 34)."""
    left, right = f"{sku}-l", f"{sku}-r"
    counter.create(left, on_hand=100)
    counter.create(right, on_hand=100)
    ways = [((left, 1), (right, 1)), ((right, 1), (left, 1))]
    orders = [an_order(*ways[n % 3 % 2], minute=n) for n in range(200)]
    _in_threads(counter, [[order.placed() for order in orders[n::4]] for n in range(4)])
    assert _stock(counter, left) == _stock(counter, right) == (100, 100, 100)
    doomed = orders[::10]
    cancels = [[order.cancelled() for order in doomed[n::2]] for n in range(2)]
    _in_threads(counter, cancels, a_receipt((left, 5), (right, 5)), a_receipt((right, 7), (left, 7)))
    assert _stock(counter, left) == _stock(counter, right) == (112, 112, 68)
    reserved = [counter.kinds(order.order_id).count("InventoryReserved") for order in orders if order not in doomed]
    assert (sum(reserved), max(reserved)) == (112, 1)
    with counter.application.database.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM parked_event")) == 0


def _in_threads(counter: Counter, feeds: list[list[Any]], *receipts: CommandCall) -> None:
    """Handle each feed in small batches on a thread of its own, as that many consumers would; then publish."""
    service = counter.application.service
    batches = [[[counter.record(event) for event in feed[n : n + 10]] for n in range(0, len(feed), 10)] for feed in feeds]

    def consume(feed: list[list[InRecord]]) -> None:
        for batch in feed:
            EventHandler(service).handle(batch)

    with ThreadPoolExecutor(4) as threads:
        work = [threads.submit(consume, feed) for feed in batches]
        answers = [threads.submit(run_commands, service, [receipt]) for receipt in receipts]
        for each in work:
            each.result()
        assert [answer.error for each in answers for answer in each.result()] == [None] * len(receipts)
    counter.settle()
