"""Adjustments and movements as they are read back: newest first, in pages, each with its source and the balance after it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from atlas.inventory.v1 import adjustment_pb2, movement_pb2, stock_pb2
from chassis.errors import InvalidPageToken, NotFound
from chassis.world import Actor
from inventory_svc import ledger_queries
from tests.inventory_svc.counter import OPS, Counter, a_buyer, an_order


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """An item of this test alone."""
    return f"l{abs(hash(request.node.nodeid)) % 10**9}"


def _ask(counter: Counter, query: Any, request: Any, actor: Actor = OPS) -> Any:
    with counter.application.database.begin() as connection:
        return query(connection, request, actor)


def _lists(counter: Counter) -> ledger_queries.LedgerLists:
    return ledger_queries.LedgerLists(counter.application.edge().pager)


def _movements(counter: Counter, **fields: Any) -> Any:
    return _ask(counter, _lists(counter).list_movements, movement_pb2.ListMovementsRequest(**fields))


def test_every_movement_names_its_source_and_what_is_on_hand_after_it(counter: Counter, sku: str) -> None:
    counter.create(sku)
    receipt = counter.receive((sku, 10))
    order = an_order((sku, 2), (sku, 1))
    shipped = order.fulfilled()
    counter.publish(order.placed(), order.confirmed(), shipped)
    counter.revalue(sku, 1300)
    adjustment = counter.adjust((sku, -3), reason="LOST")
    found = list(_movements(counter, sku=sku).movements)
    sources = [adjustment.adjustment_id, found[1].movement_id, *[shipped.fulfillment.fulfillment_id] * 2, receipt.receipt_id]
    assert [movement.source_id for movement in found] == sources
    reasons = [stock_pb2.MovementReason.Name(movement.reason).removeprefix("MOVEMENT_REASON_") for movement in found]
    assert reasons == ["LOST", "COST_CHANGED", "SHIPMENT", "SHIPMENT", "RECEIPT"]
    assert [(m.movement_number, m.quantity, m.on_hand_after) for m in found] == [
        (5, -3, 4),
        (4, 0, 7),
        (3, -1, 7),
        (2, -2, 8),
        (1, 10, 10),
    ]
    assert [(m.unit_cost.minor_units, m.value_change.minor_units) for m in found] == [
        (1300, -3900),
        (1300, 700),
        (1200, -1200),
        (1200, -2400),
        (1200, 12000),
    ]
    assert {(m.sku, m.version, m.value_change.currency_code) for m in found} == {(sku, 1, "EUR")}


def test_pages_neither_skip_nor_repeat_while_stock_moves(counter: Counter, sku: str) -> None:
    counter.create(sku)
    for _ in range(5):
        counter.receive((sku, 1))
    first = _movements(counter, sku=sku, page_size=2)
    counter.receive((sku, 1))
    second = _movements(counter, sku=sku, page_size=2, page_token=first.next_page_token)
    last = _movements(counter, sku=sku, page_size=2, page_token=second.next_page_token)
    assert [[m.on_hand_after for m in page.movements] for page in (first, second, last)] == [[5, 4], [3, 2], [1]]
    assert last.next_page_token == ""
    with pytest.raises(InvalidPageToken):
        _movements(counter, sku="other", page_size=2, page_token=first.next_page_token)


def test_an_item_without_movements_has_none_and_an_unknown_one_is_not_found(counter: Counter, sku: str) -> None:
    counter.create(sku)
    assert list(_movements(counter, sku=sku).movements) == []
    with pytest.raises(NotFound, match=f"no item {sku}-unknown"):
        _movements(counter, sku=f"{sku}-unknown")


def test_an_adjustment_reads_back_as_it_was_answered(counter: Counter, sku: str) -> None:
    counter.create(sku)
    counter.publish(an_order((sku, 2)).placed())
    adjustment = counter.adjust((sku, 3), reason="FOUND")
    assert len(adjustment.completed_order_ids) == 1
    assert adjustment.state == adjustment_pb2.ADJUSTMENT_STATE_APPLIED
    assert (adjustment.reason, adjustment.comment) == (adjustment_pb2.ADJUSTMENT_REASON_FOUND, "as counted")
    request = adjustment_pb2.GetAdjustmentRequest(adjustment_id=adjustment.adjustment_id)
    assert _ask(counter, ledger_queries.get_adjustment, request).adjustment == adjustment
    request.adjustment_id = "00000000-0000-7000-8000-000000000000"
    with pytest.raises(NotFound):
        _ask(counter, ledger_queries.get_adjustment, request)


def test_adjustments_are_listed_newest_first_in_pages(counter: Counter, sku: str) -> None:
    counter.create(sku)
    made = []
    for number in (1, 2, 3):
        counter.clock.advance(timedelta(days=1))
        made.append(counter.adjust((sku, number)))
    request = adjustment_pb2.ListAdjustmentsRequest(page_size=2)
    first = _ask(counter, _lists(counter).list_adjustments, request)
    assert list(first.adjustments) == [made[2], made[1]]
    request.page_token = first.next_page_token
    assert _ask(counter, _lists(counter).list_adjustments, request).adjustments[0] == made[0]
    with pytest.raises(InvalidPageToken):
        _ask(counter, _lists(counter).list_adjustments, request, a_buyer("ann"))
