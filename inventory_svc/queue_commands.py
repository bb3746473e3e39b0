"""One decider per RPC on those who wait and on what they wait for, and the table of them."""

from __future__ import annotations

from atlas.inventory.v1 import announcement_pb2, backorder_pb2
from chassis.handling import Command
from chassis.world import Context, Decision, Keys, World, keys
from inventory_svc import wire
from inventory_svc.announcements import open_under
from inventory_svc.backlog import serve
from inventory_svc.domain import backorder, events
from inventory_svc.domain.announcement import Announcement, OpenAnnouncement
from inventory_svc.domain.backorder import Hold, Place
from inventory_svc.domain.commands import AnnounceStock, PrioritizeBackorder, ReleaseHeld
from inventory_svc.domain.errors import (
    ExpectedInThePast,
    HoldsNothing,
    NotWaiting,
    ReservationChanged,
    ReservationNotFound,
    UnknownItems,
)
from inventory_svc.domain.reservation import Reservation
from inventory_svc.domain.stock import StockItem


def prioritize_backorder(world: World, command: PrioritizeBackorder, context: Context) -> Decision:
    """Give a waiting order another place in its queues; who holds something keeps it."""
    order = _waiting(world, command.order_id, command.expected_version)
    moved = order.prioritized(command.priority, context.now)
    return Decision(changed=(moved,), result=moved)


def release_held(world: World, command: ReleaseHeld, context: Context) -> Decision:
    """Give what a waiting order holds to those who wait for it; it takes stock again only when that completes it."""
    order = _waiting(world, command.order_id, command.expected_version)
    if not order.holds:
        raise HoldsNothing(order.order_id)
    stock = {line.sku: item for line in order.lines if (item := world.find(StockItem, line.sku))}
    walk = serve(world, backorder.release_held(order, stock), context.now, but=order.order_id)
    released = order.released_held()
    answer = events.InventoryReleased(order.order_id, events.ReleaseReason.HOLD_RELEASED, order.holds)
    return Decision(
        changed=(released, *walk.served, *backorder.changed(stock, walk.stock)),
        events=(answer, *(events.InventoryReserved(r.order_id, r.lines) for r in walk.completed)),
        result=released,
    )


def _waiting(world: World, order_id: str, expected_version: int | None) -> Reservation:
    """Return the reservation of an order that waits, at the version the caller decided on."""
    order = world.find(Reservation, order_id)
    if order is None:
        raise ReservationNotFound(order_id)
    version = world.version(order)
    if expected_version is not None and expected_version != version:
        raise ReservationChanged(expected_version, version)
    if not order.waiting:
        raise NotWaiting(order_id, order.state)
    return order


def announce_stock(world: World, command: AnnounceStock, context: Context) -> Decision:
    """Expect stock; what is open under the same reference is not expected any more."""
    unknown = [(place, line.sku) for place, line in enumerate(command.lines) if not world.find(StockItem, line.sku)]
    if unknown:
        raise UnknownItems(unknown)
    if command.expected_time < context.now:
        raise ExpectedInThePast(context.now)
    announced = Announcement(context.new_id(), command.reference, command.expected_time, command.lines)
    before = open_under(world, command.reference)
    replaced = (before.replaced(announced.announcement_id),) if before else ()
    return Decision(changed=(*replaced, announced), result=announced)


def _place(command: PrioritizeBackorder) -> Keys:
    return keys(Place, [command.order_id])


def _hold(command: ReleaseHeld) -> Keys:
    return keys(Hold, [command.order_id])


def _announced(command: AnnounceStock) -> Keys:
    return keys(StockItem, [line.sku for line in command.lines]) | keys(OpenAnnouncement, [command.reference])


PRIORITIZE_BACKORDER = Command(
    name="PrioritizeBackorder",
    response=backorder_pb2.PrioritizeBackorderResponse,
    parse=wire.prioritize_backorder,
    keys=_place,
    decide=prioritize_backorder,
    encode=wire.prioritized,
)
RELEASE_HELD = Command(
    name="ReleaseHeldStock",
    response=backorder_pb2.ReleaseHeldStockResponse,
    parse=wire.release_held,
    keys=_hold,
    decide=release_held,
    encode=wire.held_released,
)
ANNOUNCE_STOCK = Command(
    name="AnnounceStock",
    response=announcement_pb2.AnnounceStockResponse,
    parse=wire.announce_stock,
    keys=_announced,
    decide=announce_stock,
    encode=wire.announced,
)
