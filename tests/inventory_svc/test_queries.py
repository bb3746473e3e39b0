"""Reads: what a caller sees, in pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from atlas.inventory.v1 import reservation_pb2, stock_pb2
from chassis.errors import InvalidPageToken, NotFound
from chassis.world import Actor
from inventory_svc import queries, queue_queries
from tests.inventory_svc.counter import OPS, Counter, a_buyer, an_order

ANN, BOB = a_buyer("ann"), a_buyer("bob")


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """An item of this test alone."""
    return f"q{abs(hash(request.node.nodeid)) % 10**9}"


def _ask(counter: Counter, query: Any, request: Any, actor: Actor = OPS) -> Any:
    with counter.application.database.begin() as connection:
        return query(connection, request, actor)


def _lists(counter: Counter) -> queries.InventoryLists:
    return queries.InventoryLists(counter.application.edge().pager)


def _queues(counter: Counter) -> queue_queries.QueueReads:
    edge = counter.application.edge()
    return queue_queries.QueueReads(edge.pager, edge.service.clock)


def _backorders(counter: Counter, sku: str, actor: Actor = OPS) -> list[Any]:
    request = reservation_pb2.ListBackordersRequest(sku=sku)
    return list(_ask(counter, _queues(counter).list_backorders, request, actor).backorders)


def test_an_item_shows_what_is_there_held_and_missing(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=6)
    counter.publish(an_order((sku, 8)).placed())
    item = _ask(counter, queries.get_item, stock_pb2.GetItemRequest(sku=sku)).item
    assert (item.on_hand, item.reserved, item.available, item.backordered) == (6, 6, 0, 2)
    assert (item.standard_cost.currency_code, item.standard_cost.minor_units) == ("EUR", 1200)
    assert (item.warehouse_id, item.name, item.version) == ("MAIN", f"item {sku}", 3)
    assert item.HasField("create_time")


def test_an_unknown_resource_is_not_found(counter: Counter) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"
    with pytest.raises(NotFound):
        _ask(counter, queries.get_item, stock_pb2.GetItemRequest(sku="none"))
    with pytest.raises(NotFound):
        _ask(counter, queries.get_receipt, stock_pb2.GetReceiptRequest(receipt_id=nowhere))
    with pytest.raises(NotFound):
        _ask(counter, queries.get_reservation, reservation_pb2.GetReservationRequest(order_id=nowhere))


def test_items_are_listed_newest_first_in_pages(counter: Counter, sku: str) -> None:
    for number in range(5):
        counter.clock.advance(timedelta(days=1))
        counter.create(f"{sku}-{number}")
    request = stock_pb2.ListItemsRequest(page_size=2)
    first = _ask(counter, _lists(counter).list_items, request)
    assert [item.sku for item in first.items] == [f"{sku}-4", f"{sku}-3"]
    request.page_token = first.next_page_token
    second = _ask(counter, _lists(counter).list_items, request)
    assert [item.sku for item in second.items] == [f"{sku}-2", f"{sku}-1"]
    with pytest.raises(InvalidPageToken):
        _ask(counter, _lists(counter).list_items, request, ANN)


def test_a_receipt_reads_back_as_it_was_answered(counter: Counter, sku: str) -> None:
    counter.create(sku)
    counter.publish(an_order((sku, 2)).placed())
    receipt = counter.receive((sku, 3))
    assert len(receipt.completed_order_ids) == 1
    request = stock_pb2.GetReceiptRequest(receipt_id=receipt.receipt_id)
    assert _ask(counter, queries.get_receipt, request).receipt == receipt
    listed = _ask(counter, _lists(counter).list_receipts, stock_pb2.ListReceiptsRequest(reference="PO-1"))
    assert receipt in listed.receipts
    assert not _ask(counter, _lists(counter).list_receipts, stock_pb2.ListReceiptsRequest(reference="PO-2")).receipts


def test_a_reservation_is_seen_by_who_placed_the_order_and_by_those_who_see_all(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=2)
    order = an_order((sku, 3), by="ann")
    counter.publish(order.placed())
    request = reservation_pb2.GetReservationRequest(order_id=order.order_id)
    reservation = _ask(counter, queries.get_reservation, request, ANN).reservation
    assert reservation == _ask(counter, queries.get_reservation, request, OPS).reservation
    assert reservation.state == reservation_pb2.RESERVATION_STATE_BACKORDERED
    assert [(line.quantity, line.held, line.shipped) for line in reservation.lines] == [(3, 2, 0)]
    with pytest.raises(NotFound):
        _ask(counter, queries.get_reservation, request, BOB)


def test_a_tombstone_is_seen_by_who_placed_the_order(counter: Counter) -> None:
    order = an_order(("any", 1), by="ann")
    counter.publish(order.cancelled())
    request = reservation_pb2.GetReservationRequest(order_id=order.order_id)
    reservation = _ask(counter, queries.get_reservation, request, ANN).reservation
    assert reservation.state == reservation_pb2.RESERVATION_STATE_TOMBSTONE


def test_reservations_are_filtered_by_order_state_and_owner(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=1)
    held, waits = an_order((sku, 1), by="carl"), an_order((sku, 1), by="carl")
    counter.publish(held.placed())
    counter.clock.advance(timedelta(seconds=1))
    counter.publish(waits.placed())

    def listed(actor: Actor, **filters: Any) -> list[str]:
        request = reservation_pb2.ListReservationsRequest(**filters)
        answer = _ask(counter, _lists(counter).list_reservations, request, actor)
        return [reservation.order_id for reservation in answer.reservations]

    carl = a_buyer("carl")
    assert listed(carl) == [waits.order_id, held.order_id]
    assert listed(carl, state=[reservation_pb2.RESERVATION_STATE_RESERVED]) == [held.order_id]
    assert listed(OPS, order_id=waits.order_id) == [waits.order_id]
    assert listed(BOB, order_id=waits.order_id) == []


def test_backorders_are_listed_in_queue_order_with_their_true_place(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=1)
    orders = [an_order((sku, 2), by=by, minute=minute) for by, minute in (("ann", 3), ("bob", 1), ("ann", 2))]
    counter.publish(*[order.placed() for order in orders])
    everything = _backorders(counter, sku)
    assert [b.order_id for b in everything] == [orders[n].order_id for n in (1, 2, 0)]
    assert [(b.queue_position, b.quantity_missing) for b in everything] == [(1, 2), (2, 2), (3, 1)]
    assert [(b.order_id, b.queue_position) for b in _backorders(counter, sku, BOB)] == [(orders[1].order_id, 1)]
    assert [b.queue_position for b in _backorders(counter, sku, ANN)] == [2, 3]
    assert not everything[0].HasField("expected_time")


def test_backorders_page_through_several_items(counter: Counter, sku: str) -> None:
    skus = [f"{sku}-{n}" for n in range(3)]
    for each in skus:
        counter.create(each)
    dora = a_buyer("dora")
    orders = [an_order(*[(each, 1) for each in skus], by="dora", minute=minute) for minute in (2, 1)]
    counter.publish(*[order.placed() for order in orders])
    request, seen = reservation_pb2.ListBackordersRequest(page_size=4), []
    while True:
        answer = _ask(counter, _queues(counter).list_backorders, request, dora)
        seen += [(b.sku, b.order_id) for b in answer.backorders]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert seen == [(each, order.order_id) for each in skus for order in reversed(orders)]


def test_orders_that_hold_half_of_what_the_other_needs_are_named(counter: Counter, sku: str) -> None:
    left, right = f"{sku}-l", f"{sku}-r"
    counter.create(left)
    counter.create(right)
    late = an_order((left, 1), (right, 2), by="ann", minute=5)
    early = an_order((left, 2), (right, 1), by="bob", minute=1)
    counter.publish(late.placed())
    counter.receive((left, 1), (right, 1))
    counter.publish(early.placed())
    assert [list(b.mutual_hold_with) for b in _backorders(counter, right)] == [[], []]
    counter.receive((left, 1), (right, 1))
    holds = {b.order_id: list(b.mutual_hold_with) for b in _backorders(counter, left) + _backorders(counter, right)}
    assert holds == {early.order_id: [late.order_id], late.order_id: [early.order_id]}
    (seen_by_bob,) = _backorders(counter, left, BOB)
    assert list(seen_by_bob.mutual_hold_with) == [], "the other order is not his to see"
