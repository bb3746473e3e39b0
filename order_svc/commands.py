"""One decider per RPC that changes an order, and the table of them."""

from __future__ import annotations

from collections.abc import Callable

from atlas.orders.v1 import cancellation_pb2, fulfillment_pb2, order_service_pb2, price_pb2
from chassis.handling import Command
from chassis.world import Context, Decision, Keys, World, keys
from order_svc import lookups, price_wire, wire
from order_svc.domain import order as orders
from order_svc.domain.commands import CancelOrder, CancelRemaining, FulfillOrder, PlaceOrder, SetPrice
from order_svc.domain.errors import OrderChanged, OrderNotFound
from order_svc.domain.order import Deadlines, Order, Person
from order_svc.domain.price_list import Price, hold_to_list
from order_svc.domain.reference import Reference
from order_svc.reactions import look_at


def place_order(deadlines: Deadlines) -> Callable[[World, PlaceOrder, Context], Decision]:
    """Make the decider for orders that have these deadlines."""

    def decide(world: World, command: PlaceOrder, context: Context) -> Decision:
        """Place an order in the caller's name: under a reference of his that is new, and at list price if he sets none."""
        order, events = orders.place(context.new_id(), command.terms, _person(context), context.now, deadlines)
        own = lookups.own_reference(command, context)
        used = () if own is None else ((world.find(Reference, own.key) or own).used_for(order.order_id),)
        if not lookups.may_set_prices(context.actor):
            hold_to_list(command.terms.lines, lookups.listed(world, context.now))
        first_look = look_at(order, context.now, deadlines)
        return Decision(changed=(order, *used), events=events, timers=(first_look,), result=order)

    return decide


def set_price(_world: World, command: SetPrice, context: Context) -> Decision:
    """List a price."""
    valid_from = context.now if command.valid_from is None else command.valid_from
    price = Price(context.new_id(), command.sku, command.unit_price, command.tax_rate_basis_points, valid_from)
    return Decision(changed=(price,), result=price)


def cancel_order(world: World, command: CancelOrder, context: Context) -> Decision:
    """Cancel an order for a reason."""
    order = _of_caller(world, command.order_id, command.expected_version, context)
    cancelled, events = orders.cancel(order, command.reason, _person(context), context.now)
    return Decision(changed=(cancelled,), events=events, result=cancelled)


def cancel_remaining(world: World, command: CancelRemaining, context: Context) -> Decision:
    """Close an order short."""
    order = _of_caller(world, command.order_id, command.expected_version, context)
    closed, events = orders.cancel_remaining(
        order, command.reason, _person(context), cancellation_id=context.new_id(), now=context.now
    )
    return Decision(changed=(closed,), events=events, result=closed)


def fulfill_order(world: World, command: FulfillOrder, context: Context) -> Decision:
    """Record a shipment."""
    order = _of_caller(world, command.order_id, command.expected_version, context)
    fulfilled, fulfillment, events = orders.fulfill(
        order,
        command.wanted,
        fulfillment_id=context.new_id(),
        tracking_reference=command.tracking_reference,
        now=context.now,
    )
    return Decision(changed=(fulfilled, fulfillment), events=events, result=fulfillment)


def _person(context: Context) -> Person:
    return Person(context.actor.issuer, context.actor.subject, context.actor.username)


def _of_caller(world: World, order_id: str, expected_version: int | None, context: Context) -> Order:
    """Return an order that the caller may see, at the version he decided on."""
    order = world.find(Order, order_id)
    if order is None or not (context.actor.may("orders:read_all") or order.placed_by.subject == context.actor.subject):
        raise OrderNotFound(order_id)
    version = world.version(order)
    if expected_version is not None and expected_version != version:
        raise OrderChanged(expected_version, version)
    return order


def _nothing(_command: PlaceOrder | SetPrice) -> Keys:
    return frozenset()


def _order(command: CancelOrder | CancelRemaining | FulfillOrder) -> Keys:
    return keys(Order, [command.order_id])


def place_order_command(deadlines: Deadlines) -> Command[PlaceOrder]:
    """Return how PlaceOrder is handled where orders have these deadlines."""
    return Command(
        name="PlaceOrder",
        response=order_service_pb2.PlaceOrderResponse,
        parse=wire.place_order,
        keys=_nothing,
        decide=place_order(deadlines),
        encode=wire.placed,
        consult=lookups.consult,
    )


CANCEL_ORDER = Command(
    name="CancelOrder",
    response=order_service_pb2.CancelOrderResponse,
    parse=wire.cancel_order,
    keys=_order,
    decide=cancel_order,
    encode=wire.cancelled,
)
CANCEL_REMAINING = Command(
    name="CancelRemaining",
    response=cancellation_pb2.CancelRemainingResponse,
    parse=wire.cancel_remaining,
    keys=_order,
    decide=cancel_remaining,
    encode=wire.closed_short,
)
FULFILL_ORDER = Command(
    name="FulfillOrder",
    response=fulfillment_pb2.FulfillOrderResponse,
    parse=wire.fulfill_order,
    keys=_order,
    decide=fulfill_order,
    encode=wire.fulfilled,
)
SET_PRICE = Command(
    name="SetPrice",
    response=price_pb2.SetPriceResponse,
    parse=price_wire.set_price,
    keys=_nothing,
    decide=set_price,
    encode=price_wire.price_set,
)
