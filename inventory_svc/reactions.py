"""One decider per event of an order that stock depends on, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from atlas.orders.v1 import order_events_pb2
from chassis.handling import Reaction
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, World, keys
from inventory_svc import wire
from inventory_svc.backlog import serve
from inventory_svc.domain import backorder, events
from inventory_svc.domain.announcement import Expected
from inventory_svc.domain.backorder import Queue, Stock
from inventory_svc.domain.expectation import NO_OUTLOOK, foresee_new
from inventory_svc.domain.facts import OrderCancelled, OrderConfirmed, OrderLinesCancelled, OrderPlaced, OrderShipped
from inventory_svc.domain.reservation import Line, Reservation
from inventory_svc.domain.shipping import Shipping, ship_held
from inventory_svc.domain.stock import StockItem
from inventory_svc.outlook import OUTLOOK


def order_placed(world: World, fact: OrderPlaced, context: Context) -> Decision:
    """Hold what is free for a new order; it waits for the rest at the tail of the queue."""
    known = _known(world, fact.order_id)
    if known.lines or known.is_cancelled:
        return NOTHING
    placed = known.placed(fact.placing, fact.lines).gave_up()
    answered = tuple(_released(placed, ()) for _ in known.owed)
    stock = _stock(world, {line.sku for line in placed.lines})
    unknown = tuple(line for line in placed.lines if line.sku not in stock)
    if unknown:
        failed = events.InventoryReservationFailed(placed.order_id, events.Failure.UNKNOWN_ITEM, unknown)
        return Decision(changed=(placed.rejected(),), events=(failed, *answered))
    joined, after = backorder.join(placed, stock, context.now)
    expected = foresee_new(world.extra.get(OUTLOOK, NO_OUTLOOK), joined.lines, after)
    return _shipped(stock, ship_held(joined, after, context.new_id, context.cause_id), (_answer(joined, expected), *answered))


def order_cancelled(world: World, fact: OrderCancelled, context: Context) -> Decision:
    """Give back what the order held, and serve those who wait for it. Every cancel is answered, and only once."""
    known = _known(world, fact.order_id)
    if known.is_cancelled:
        return NOTHING
    stock = _stock(world, {line.sku for line in known.lines})
    released, after = backorder.leave(known, stock)
    answer = events.InventoryReleased(known.order_id, events.ReleaseReason.ORDER_CANCELLED, released)
    return _given_back(world, context, known.cancelled(fact.placing), (stock, after), answer)


def order_lines_cancelled(world: World, fact: OrderLinesCancelled, context: Context) -> Decision:
    """Give back what cancelled lines held, and serve those who wait for it. One told before its order waits for it."""
    known = _known(world, fact.order_id)
    if known.knows_cancellation(fact.cancellation.cancellation_id):
        return NOTHING
    told = known.with_cancellation(fact.cancellation)
    if not told.lines and not told.is_cancelled:
        return Decision(changed=(told,))
    stock = _stock(world, fact.skus)
    closed, released, after = backorder.give_up(told, stock)
    return _given_back(world, context, closed, (stock, after), _released(closed, released))


def _given_back(
    world: World, context: Context, order: Reservation, stock: tuple[Stock, Stock], answer: events.Event
) -> Decision:
    """Answer, and give what an order gave back, the stock before and after it, to those who wait, in the same transaction."""
    before, after = stock
    walk = serve(world, after, context.now, but=order.order_id)
    return Decision(
        changed=(order, *walk.served, *backorder.changed(before, walk.stock)),
        events=(answer, *(events.InventoryReserved(r.order_id, r.lines) for r in walk.completed)),
    )


def order_confirmed(world: World, fact: OrderConfirmed, context: Context) -> Decision:
    """What is held for the order will be shipped."""
    known = _known(world, fact.order_id)
    if known.is_confirmed or known.is_cancelled:
        return NOTHING
    return Decision(changed=(known.confirmed(),))


def order_shipped(world: World, fact: OrderShipped, context: Context) -> Decision:
    """Move a shipment out of the warehouse; one that is told before its order waits for it."""
    known = _known(world, fact.order_id)
    if fact.shipment is None or known.is_cancelled or known.knows_shipment(fact.shipment.fulfillment_id):
        return NOTHING
    stock = _stock(world, fact.skus)
    told = known.with_shipment(fact.shipment)
    return _shipped(stock, ship_held(told, stock, context.new_id, context.cause_id), ())


def _known(world: World, order_id: str) -> Reservation:
    """Return the order's row; whichever message is read first makes it."""
    return world.find(Reservation, order_id) or Reservation(order_id)


def _stock(world: World, skus: set[str] | frozenset[str]) -> Stock:
    return {sku: item for sku in sorted(skus) if (item := world.find(StockItem, sku))}


def _answer(reservation: Reservation, expected: Mapping[int, datetime]) -> events.Event:
    if reservation.is_complete:
        return events.InventoryReserved(reservation.order_id, reservation.lines)
    return events.InventoryReservationFailed(reservation.order_id, events.Failure.BACKORDERED, reservation.lines, expected)


def _released(order: Reservation, lines: tuple[Line, ...]) -> events.Event:
    return events.InventoryReleased(order.order_id, events.ReleaseReason.LINES_CANCELLED, lines)


def _shipped(before: Stock, shipping: Shipping, answers: tuple[events.Event, ...]) -> Decision:
    items = backorder.changed(before, shipping.stock)
    return Decision(changed=(shipping.reservation, *items, *shipping.movements), events=(*answers, *shipping.events))


def _order(order_id: str) -> Keys:
    return keys(Reservation, [order_id])


def _placed_keys(fact: OrderPlaced) -> Keys:
    skus = {line.sku for line in fact.lines}
    return keys(StockItem, skus) | keys(Expected, skus) | _order(fact.order_id)


def _cancelled_keys(fact: OrderCancelled | OrderLinesCancelled) -> Keys:
    return keys(StockItem, fact.skus) | keys(Queue, fact.skus) | _order(fact.order_id)


def _shipped_keys(fact: OrderShipped) -> Keys:
    return keys(StockItem, fact.skus) | _order(fact.order_id)


SUBSCRIPTIONS: dict[type[Message], Reaction[Any]] = {
    order_events_pb2.OrderPlaced: Reaction(parse=wire.order_placed, keys=_placed_keys, react=order_placed),
    order_events_pb2.OrderCancelled: Reaction(parse=wire.order_cancelled, keys=_cancelled_keys, react=order_cancelled),
    order_events_pb2.OrderLinesCancelled: Reaction(
        parse=wire.order_lines_cancelled, keys=_cancelled_keys, react=order_lines_cancelled
    ),
    order_events_pb2.OrderConfirmed: Reaction(
        parse=wire.order_confirmed, keys=lambda fact: _order(fact.order_id), react=order_confirmed
    ),
    order_events_pb2.OrderPartiallyFulfilled: Reaction(parse=wire.order_shipped, keys=_shipped_keys, react=order_shipped),
    order_events_pb2.OrderFulfilled: Reaction(parse=wire.order_shipped, keys=_shipped_keys, react=order_shipped),
}

WORKS: dict[str, Work[Any, Any]] = {}
