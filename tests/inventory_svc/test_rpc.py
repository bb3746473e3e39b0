"""The servicer: each RPC of the contract, with the caller that the interceptors would have found."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from atlas.inventory.v1 import adjustment_pb2, inventory_service_pb2, movement_pb2, reservation_pb2, stock_pb2
from chassis import validation
from chassis.calls import Call, current_call
from chassis.errors import AlreadyExists, IdempotencyKeyRequired, Refusal
from chassis.world import Actor
from inventory_svc.rpc import InventoryServicer, servicers
from tests.inventory_svc.counter import OPS, TRACE, Counter, a_buyer, an_order


class Trailer:
    """The call's metadata, as far as the servicer sets it."""

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}

    def set_trailing_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None:
        """Keep it."""
        self.sent.update(metadata)


@contextmanager
def _as(actor: Actor, key: str = "") -> Iterator[None]:
    mark = current_call.set(Call("/x", actor, key, "corr", TRACE, 0))
    try:
        yield
    finally:
        current_call.reset(mark)


@pytest.fixture
async def service(counter: Counter) -> AsyncIterator[InventoryServicer]:
    """The servicer of a running service."""
    edge = counter.application.edge()
    edge.commands.start()
    yield InventoryServicer(edge)
    await edge.commands.drain()
    edge.queries.close()


def _an_item(sku: str, currency: str = "EUR") -> stock_pb2.CreateItemRequest:
    request = stock_pb2.CreateItemRequest(sku=sku, name="Lamp")
    request.standard_cost.currency_code, request.standard_cost.minor_units = currency, 1200
    return request


def _context() -> Any:
    return Trailer()


async def _create(service: InventoryServicer, request: stock_pb2.CreateItemRequest, key: str = "") -> Any:
    with _as(OPS, key or str(uuid.uuid4())):
        return await service.CreateItem(request, _context())


async def _receive(service: InventoryServicer, request: stock_pb2.ReceiveStockRequest, key: str, trailer: Any) -> Any:
    with _as(OPS, key):
        return await service.ReceiveStock(request, trailer)


def test_every_method_of_the_contract_is_served(counter: Counter) -> None:
    (servicer,) = servicers(counter.application.edge())
    methods = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"].methods
    assert servicer.contract.full_name == "atlas.inventory.v1.InventoryService"
    assert all(method.name in type(servicer.implementation).__dict__ for method in methods)


async def test_an_item_is_made_once(service: InventoryServicer) -> None:
    made = (await _create(service, _an_item("R-1"), "key")).item
    assert (made.sku, made.name, made.on_hand, made.version) == ("R-1", "Lamp", 0, 1)
    assert made.HasField("create_time")
    assert (await _create(service, _an_item("R-1"), "key")).item == made
    with pytest.raises(Refusal) as refused:
        await _create(service, _an_item("R-1"), "other key")
    assert refused.value.reason == AlreadyExists.reason


async def test_a_cost_in_a_foreign_currency_names_its_field(service: InventoryServicer) -> None:
    with pytest.raises(Refusal) as refused:
        await _create(service, _an_item("R-2", "USD"))
    assert refused.value.reason == "VALIDATION_FAILED"
    assert [violation.field for violation in refused.value.violations] == ["standard_cost.currency_code"]


async def test_an_effect_needs_a_key(service: InventoryServicer) -> None:
    with _as(OPS), pytest.raises(IdempotencyKeyRequired):
        await service.CreateItem(_an_item("R-3"), _context())


async def test_receipts_and_items_are_read_back(service: InventoryServicer) -> None:
    await _create(service, _an_item("R-4"))
    request, first, again = stock_pb2.ReceiveStockRequest(reference="PO-R"), Trailer(), Trailer()
    request.lines.add(sku="R-4", quantity=7)
    receipt = (await _receive(service, request, "receive", first)).receipt
    assert (await _receive(service, request, "receive", again)).receipt == receipt
    assert (first.sent, again.sent) == ({}, {"idempotent-replayed": "true"})
    with _as(OPS):
        one = await service.GetReceipt(stock_pb2.GetReceiptRequest(receipt_id=receipt.receipt_id), _context())
        many = await service.ListReceipts(stock_pb2.ListReceiptsRequest(reference="PO-R"), _context())
        item = await service.GetItem(stock_pb2.GetItemRequest(sku="R-4"), _context())
        items = await service.ListItems(stock_pb2.ListItemsRequest(), _context())
    assert (one.receipt, list(many.receipts), item.item.on_hand) == (receipt, [receipt], 7)
    assert item.item in items.items
    assert not [broken for answer in (one, many, item, items) for broken in validation.violations(answer)]


async def test_items_are_changed_and_adjusted_and_their_movements_read(service: InventoryServicer) -> None:
    await _create(service, _an_item("R-6"))
    update = stock_pb2.UpdateItemRequest(sku="R-6", name="Lamp, white", expected_version=1)
    update.standard_cost.currency_code, update.standard_cost.minor_units = "EUR", 1300
    adjust = adjustment_pb2.AdjustStockRequest(reason=adjustment_pb2.ADJUSTMENT_REASON_FOUND)
    adjust.lines.add(sku="R-6", quantity=7)
    with _as(OPS, "change"):
        item = (await service.UpdateItem(update, _context())).item
        adjustment = (await service.AdjustStock(adjust, _context())).adjustment
    with _as(OPS):
        wanted = adjustment_pb2.GetAdjustmentRequest(adjustment_id=adjustment.adjustment_id)
        one = await service.GetAdjustment(wanted, _context())
        many = await service.ListAdjustments(adjustment_pb2.ListAdjustmentsRequest(), _context())
        movements = await service.ListMovements(movement_pb2.ListMovementsRequest(sku="R-6"), _context())
    assert (item.name, item.standard_cost.minor_units, item.version) == ("Lamp, white", 1300, 2)
    assert (one.adjustment, list(many.adjustments)) == (adjustment, [adjustment])
    assert [(movement.quantity, movement.value_change.minor_units) for movement in movements.movements] == [(7, 9100), (0, 0)]
    assert not [broken for answer in (one, many, movements) for broken in validation.violations(answer)]


async def test_reservations_and_backorders_are_the_callers_own(counter: Counter, service: InventoryServicer) -> None:
    await _create(service, _an_item("R-5"))
    order = an_order(("R-5", 2), by="eve")
    counter.publish(order.placed())
    wanted = reservation_pb2.GetReservationRequest(order_id=order.order_id)
    with _as(a_buyer("eve")):
        reservation = (await service.GetReservation(wanted, _context())).reservation
        listed = await service.ListReservations(reservation_pb2.ListReservationsRequest(), _context())
        waiting = await service.ListBackorders(reservation_pb2.ListBackordersRequest(), _context())
    assert list(listed.reservations) == [reservation]
    assert [backorder.order_id for backorder in waiting.backorders] == [order.order_id]
    with _as(a_buyer("mallory")):
        assert not (await service.ListBackorders(reservation_pb2.ListBackordersRequest(), _context())).backorders
        with pytest.raises(Refusal, match="no reservation"):
            await service.GetReservation(wanted, _context())
