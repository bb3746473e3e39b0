"""Where protobuf and the domain of inventory meet."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.inventory.v1 import adjustment_pb2, announcement_pb2, backorder_pb2, inventory_events_pb2, reservation_pb2, stock_pb2
from atlas.orders.v1 import order_events_pb2
from chassis.values import money, money_message, time, time_message
from chassis.world import Row, World
from inventory_svc.domain import events, facts
from inventory_svc.domain.adjustment import AdjustmentLine
from inventory_svc.domain.announcement import AnnouncedLine, Announcement
from inventory_svc.domain.commands import (
    AdjustStock,
    AnnounceStock,
    CreateItem,
    PrioritizeBackorder,
    ReceiveStock,
    ReleaseHeld,
    UpdateItem,
)
from inventory_svc.domain.reservation import Line, LineCancellation, Placing, Reservation, Shipment
from inventory_svc.domain.stock import MovementReason, Receipt, ReceiptLine, StockItem


@functools.cache
def enum_value(enum: Any, prefix: str, name: str) -> Any:
    """Return the number of an enum value, named without its prefix."""
    return cast(EnumTypeWrapper, enum).Value(f"{prefix}_{name}")


# Requests.


def create_item(request: stock_pb2.CreateItemRequest) -> CreateItem:
    """Read a request to make an item."""
    return CreateItem(request.sku, request.name, money(request.standard_cost))


def update_item(request: stock_pb2.UpdateItemRequest) -> UpdateItem:
    """Read a request to change an item."""
    return UpdateItem(
        sku=request.sku,
        name=request.name if request.HasField("name") else None,
        standard_cost=money(request.standard_cost) if request.HasField("standard_cost") else None,
        expected_version=request.expected_version if request.HasField("expected_version") else None,
    )


def adjust_stock(request: adjustment_pb2.AdjustStockRequest) -> AdjustStock:
    """Read a request to correct stock."""
    name = adjustment_pb2.AdjustmentReason.Name(request.reason).removeprefix("ADJUSTMENT_REASON_")
    lines = tuple(AdjustmentLine(line.sku, line.quantity) for line in request.lines)
    return AdjustStock(MovementReason(name), request.comment, lines)


def receive_stock(request: stock_pb2.ReceiveStockRequest) -> ReceiveStock:
    """Read a request to receive stock."""
    return ReceiveStock(request.reference, tuple(ReceiptLine(line.sku, line.quantity) for line in request.lines))


def prioritize_backorder(request: backorder_pb2.PrioritizeBackorderRequest) -> PrioritizeBackorder:
    """Read a request to give a waiting order another place."""
    return PrioritizeBackorder(request.order_id, request.priority, _expected(request))


def release_held(request: backorder_pb2.ReleaseHeldStockRequest) -> ReleaseHeld:
    """Read a request to give back what a waiting order holds."""
    return ReleaseHeld(request.order_id, _expected(request))


def _expected(request: Any) -> int | None:
    return request.expected_version if request.HasField("expected_version") else None


def announce_stock(request: announcement_pb2.AnnounceStockRequest) -> AnnounceStock:
    """Read a request to announce stock."""
    lines = tuple(AnnouncedLine(line.sku, line.quantity) for line in request.lines)
    return AnnounceStock(request.reference, time(request.expected_time), lines)


def wanted_lines(request: announcement_pb2.GetAvailabilityRequest) -> tuple[Line, ...]:
    """Read what somebody would order, numbered from 1."""
    return tuple(Line(number, line.sku, line.quantity) for number, line in enumerate(request.lines, 1))


def state_name(state: int) -> str:
    """Return the domain's name of a reservation state."""
    return reservation_pb2.ReservationState.Name(state).removeprefix("RESERVATION_STATE_")  # type: ignore[arg-type]


# Events that are read.


def order_placed(payload: order_events_pb2.OrderPlaced, metadata: EventMetadata) -> facts.OrderPlaced:
    """Read OrderPlaced. Without a time the order could not be queued: ValueError."""
    placing = _placing(payload)
    if placing is None:
        raise ValueError("OrderPlaced has no place_time")
    lines = tuple(Line(line.line_number, line.sku, line.quantity) for line in payload.lines)
    return facts.OrderPlaced(payload.order_id, placing, lines)


def order_cancelled(payload: order_events_pb2.OrderCancelled, metadata: EventMetadata) -> facts.OrderCancelled:
    """Read OrderCancelled."""
    return facts.OrderCancelled(payload.order_id, _placing(payload), frozenset(line.sku for line in payload.lines))


def _placing(payload: order_events_pb2.OrderPlaced | order_events_pb2.OrderCancelled) -> Placing | None:
    if not payload.HasField("place_time"):
        return None
    return Placing(time(payload.place_time), payload.placed_by.subject, payload.placed_by_issuer)


def order_lines_cancelled(payload: order_events_pb2.OrderLinesCancelled, metadata: EventMetadata) -> facts.OrderLinesCancelled:
    """Read the cancellation of what remained of an order."""
    parts = tuple((line.line_number, line.quantity) for line in payload.lines)
    cancellation = LineCancellation(payload.cancellation_id, parts)
    return facts.OrderLinesCancelled(payload.order_id, cancellation, frozenset(line.sku for line in payload.lines))


def order_confirmed(payload: order_events_pb2.OrderConfirmed, metadata: EventMetadata) -> facts.OrderConfirmed:
    """Read OrderConfirmed."""
    return facts.OrderConfirmed(payload.order_id)


def order_shipped(
    payload: order_events_pb2.OrderPartiallyFulfilled | order_events_pb2.OrderFulfilled, metadata: EventMetadata
) -> facts.OrderShipped:
    """Read one shipment of an order, the last one or not."""
    parts = tuple((line.line_number, line.quantity) for line in payload.fulfillment.lines if line.quantity)
    shipment = Shipment(payload.fulfillment.fulfillment_id, parts) if parts else None
    return facts.OrderShipped(payload.order_id, shipment, frozenset(line.sku for line in payload.fulfillment.lines))


# Events that are sent.


def payload(event: events.Event) -> Message:
    """Turn an event into its payload."""
    match event:
        case events.InventoryReserved():
            return inventory_events_pb2.InventoryReserved(order_id=event.order_id, lines=_stock_lines(event.lines))
        case events.InventoryReservationFailed():
            return _reservation_failed(event)
        case events.InventoryReleased():
            reason = enum_value(inventory_events_pb2.ReleaseReason, "RELEASE_REASON", event.reason)
            lines = _stock_lines(event.lines)
            return inventory_events_pb2.InventoryReleased(order_id=event.order_id, reason=reason, lines=lines)
        case events.StockShipped():
            return _stock_shipped(event)
        case events.StockReceived():
            return _stock_received(event)
        case events.StockAdjusted():
            return _stock_adjusted(event)


def _stock_lines(lines: tuple[Line, ...]) -> list[inventory_events_pb2.StockLine]:
    return [inventory_events_pb2.StockLine(line_number=line.line_number, sku=line.sku, quantity=line.held) for line in lines]


def _reservation_failed(event: events.InventoryReservationFailed) -> inventory_events_pb2.InventoryReservationFailed:
    short = [
        inventory_events_pb2.ShortLine(
            line_number=n.line_number,
            sku=n.sku,
            held=n.held,
            missing=n.missing,
            expected_time=_time_or_none(event.expected.get(n.line_number)),
        )
        for n in event.lines
    ]
    reason = enum_value(inventory_events_pb2.ReservationFailure, "RESERVATION_FAILURE", event.reason)
    return inventory_events_pb2.InventoryReservationFailed(order_id=event.order_id, reason=reason, lines=short)


def _time_or_none(at: datetime | None) -> Timestamp | None:
    return time_message(at) if at is not None else None


def _stock_shipped(event: events.StockShipped) -> inventory_events_pb2.StockShipped:
    lines = [
        inventory_events_pb2.ShippedLine(
            line_number=line.line_number, sku=line.sku, quantity=line.quantity, unit_cost=money_message(line.unit_cost)
        )
        for line in event.lines
    ]
    return inventory_events_pb2.StockShipped(
        order_id=event.order_id, fulfillment_id=event.fulfillment_id, lines=lines, value=money_message(event.value)
    )


def _stock_received(event: events.StockReceived) -> inventory_events_pb2.StockReceived:
    movement = event.movement
    return inventory_events_pb2.StockReceived(
        sku=movement.sku,
        movement_id=movement.movement_id,
        receipt_id=event.receipt_id,
        reference=event.reference,
        quantity=movement.quantity,
        unit_cost=money_message(movement.unit_cost),
        value_change=money_message(movement.value_change),
        reason=enum_value(stock_pb2.MovementReason, "MOVEMENT_REASON", movement.source.reason),
    )


def _stock_adjusted(event: events.StockAdjusted) -> inventory_events_pb2.StockAdjusted:
    movement = event.movement
    return inventory_events_pb2.StockAdjusted(
        sku=movement.sku,
        movement_id=movement.movement_id,
        adjustment_id=event.adjustment_id,
        quantity=movement.quantity,
        unit_cost=money_message(movement.unit_cost),
        value_change=money_message(movement.value_change),
        reason=enum_value(adjustment_pb2.AdjustmentReason, "ADJUSTMENT_REASON", movement.source.reason),
    )


# Resources and responses.


def stamps(row: Row[Any]) -> dict[str, Any]:
    """Write the version and the times that every resource has."""
    times = {name: time_message(at) for name in ("create_time", "update_time") if (at := getattr(row, name))}
    return {"version": row.version, **times}


def item_message(row: Row[StockItem]) -> stock_pb2.Item:
    """Write an item."""
    item = row.aggregate
    return stock_pb2.Item(
        sku=item.sku,
        name=item.name,
        standard_cost=money_message(item.standard_cost),
        warehouse_id=item.warehouse_id,
        on_hand=item.on_hand,
        reserved=item.reserved,
        available=item.available,
        backordered=item.backordered,
        **stamps(row),
    )


def receipt_message(row: Row[Receipt]) -> stock_pb2.Receipt:
    """Write a receipt."""
    receipt = row.aggregate
    return stock_pb2.Receipt(
        receipt_id=receipt.receipt_id,
        reference=receipt.reference,
        lines=[stock_pb2.ReceiptLine(sku=line.sku, quantity=line.quantity) for line in receipt.lines],
        completed_order_ids=receipt.completed_order_ids,
        **stamps(row),
    )


def reservation_message(row: Row[Reservation]) -> reservation_pb2.Reservation:
    """Write a reservation."""
    reservation = row.aggregate
    return reservation_pb2.Reservation(
        order_id=reservation.order_id,
        state=enum_value(reservation_pb2.ReservationState, "RESERVATION_STATE", reservation.state),
        priority=reservation.priority,
        waits_whole=reservation.waits_whole,
        lines=[_reservation_line(line) for line in reservation.lines],
        **stamps(row),
    )


def _reservation_line(line: Line) -> reservation_pb2.ReservationLine:
    return reservation_pb2.ReservationLine(
        line_number=line.line_number,
        sku=line.sku,
        quantity=line.quantity,
        held=line.held,
        shipped=line.shipped,
        cancelled=line.cancelled,
    )


def backorder_message(
    row: Any, *, position: int, now: datetime, expected: datetime | None, mutual_hold_with: list[str]
) -> reservation_pb2.Backorder:
    """Write a waiting line from the row of the query that found it and what was found about it."""
    return reservation_pb2.Backorder(
        order_id=row.order_id,
        line_number=row.line_number,
        sku=row.sku,
        quantity_missing=row.waiting,
        queue_position=position,
        place_time=time_message(row.place_time),
        waiting_seconds=max(0, int((now - row.place_time).total_seconds())),
        expected_time=_time_or_none(expected),
        priority=row.priority,
        waits_whole=row.waits_whole,
        mutual_hold_with=mutual_hold_with,
        version=row.version,
        create_time=time_message(row.create_time),
        update_time=time_message(row.update_time),
    )


def created(world: World, item: StockItem) -> stock_pb2.CreateItemResponse:
    """Answer CreateItem."""
    return stock_pb2.CreateItemResponse(item=item_message(world.row(item)))


def updated(world: World, item: StockItem) -> stock_pb2.UpdateItemResponse:
    """Answer UpdateItem."""
    return stock_pb2.UpdateItemResponse(item=item_message(world.row(item)))


def received(world: World, receipt: Receipt) -> stock_pb2.ReceiveStockResponse:
    """Answer ReceiveStock."""
    return stock_pb2.ReceiveStockResponse(receipt=receipt_message(world.row(receipt)))


def prioritized(world: World, reservation: Reservation) -> backorder_pb2.PrioritizeBackorderResponse:
    """Answer PrioritizeBackorder."""
    return backorder_pb2.PrioritizeBackorderResponse(reservation=reservation_message(world.row(reservation)))


def held_released(world: World, reservation: Reservation) -> backorder_pb2.ReleaseHeldStockResponse:
    """Answer ReleaseHeldStock."""
    return backorder_pb2.ReleaseHeldStockResponse(reservation=reservation_message(world.row(reservation)))


def announced(world: World, announcement: Announcement) -> announcement_pb2.AnnounceStockResponse:
    """Answer AnnounceStock."""
    return announcement_pb2.AnnounceStockResponse(announcement=announcement_message(world.row(announcement)))


def announcement_message(row: Row[Announcement]) -> announcement_pb2.Announcement:
    """Write an announcement."""
    announcement = row.aggregate
    return announcement_pb2.Announcement(
        announcement_id=announcement.announcement_id,
        reference=announcement.reference,
        state=enum_value(announcement_pb2.AnnouncementState, "ANNOUNCEMENT_STATE", announcement.state),
        expected_time=time_message(announcement.expected_time),
        lines=[announcement_pb2.AnnouncementLine(sku=line.sku, quantity=line.quantity) for line in announcement.lines],
        receipt_id=announcement.receipt_id,
        replaced_by=announcement.replaced_by,
        **stamps(row),
    )


def announcement_state_name(state: int) -> str:
    """Return the domain's name of an announcement's state."""
    return announcement_pb2.AnnouncementState.Name(state).removeprefix("ANNOUNCEMENT_STATE_")  # type: ignore[arg-type]


def availability(
    now: datetime, lines: Sequence[Line], expected: Mapping[int, datetime]
) -> announcement_pb2.GetAvailabilityResponse:
    """Write what a new order would hold of each line, and when the rest should come."""
    return announcement_pb2.GetAvailabilityResponse(
        as_of=time_message(now),
        lines=[
            announcement_pb2.AvailabilityLine(
                sku=line.sku,
                quantity=line.quantity,
                available_now=line.held,
                expected_time=_time_or_none(expected.get(line.line_number)),
            )
            for line in lines
        ],
    )
