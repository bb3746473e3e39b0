"""What billing does when it hears something: one decider per event, and the table of them."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from billing_svc import wire
from billing_svc.accounts import account_of, decide, drawn, if_credited, moment
from billing_svc.domain import facts, invoicing, ledger
from billing_svc.domain.numbering import CREDIT_NOTE, INVOICE, Counter
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.posting import PostedJournal, is_posted, post
from chassis.handling import Reaction
from chassis.world import NOTHING, Context, Decision, Keys, World, keys


def order_placed(world: World, fact: facts.OrderPlaced, context: Context) -> Decision:
    """Learn the terms, and issue the invoice if the stock is held already."""
    account = account_of(world, fact.order_id)
    return _issue_if_ready(world, account, invoicing.place(account, fact), context)


def inventory_reserved(world: World, fact: facts.StockReserved, context: Context) -> Decision:
    """Learn that the stock is held, and issue the invoice if the terms are known already."""
    account = account_of(world, fact.order_id)
    return _issue_if_ready(world, account, invoicing.reserve(account), context)


def reservation_failed(world: World, fact: facts.ReservationFailed, context: Context) -> Decision:
    """Note why there is nothing to invoice yet."""
    account = account_of(world, fact.order_id)
    return decide(account, Change(invoicing.note_reservation_failure(account, fact.reason)), context)


def order_cancelled(world: World, fact: facts.OrderCancelled, context: Context) -> Decision:
    """Take back what was invoiced and answer the cancellation."""
    account = account_of(world, fact.order_id)
    counter = drawn(world, CREDIT_NOTE, context)
    change = invoicing.cancel(account, fact, counter.text, moment(context))
    return decide(account, change, context, *if_credited(counter, account, change))


def order_lines_cancelled(world: World, fact: facts.OrderLinesCancelled, context: Context) -> Decision:
    """Take back what was invoiced for lines that will not be shipped, and answer the cancellation."""
    account = account_of(world, fact.order_id)
    counter = drawn(world, CREDIT_NOTE, context)
    change = invoicing.cancel_lines(account, fact, counter.text, moment(context))
    return decide(account, change, context, *if_credited(counter, account, change))


def order_shipped(world: World, fact: facts.OrderShipped | None, context: Context) -> Decision:
    """Post the revenue of a shipment; a short close ships nothing."""
    if fact is None:
        return NOTHING
    account = account_of(world, fact.order_id)
    return decide(account, invoicing.ship(account, fact), context)


def stock_shipped(world: World, fact: facts.StockShipped, context: Context) -> Decision:
    """Post the cost of a shipment."""
    if is_posted(world, f"ship/{fact.fulfillment_id}"):
        return NOTHING
    account = account_of(world, fact.order_id)
    posted = ledger.stock_shipped(fact.order_id, fact.fulfillment_id, fact.value)
    return decide(account, Change(account, journals=posted), context)


def stock_received(world: World, fact: facts.StockReceived, context: Context) -> Decision:
    """Post the cost of stock that came in."""
    if is_posted(world, f"stock/{fact.movement_id}"):
        return NOTHING
    return Decision(changed=post(ledger.stock_received(fact.movement_id, fact.value), context))


def stock_adjusted(world: World, fact: facts.StockAdjusted, context: Context) -> Decision:
    """Post what a correction or a revaluation of stock gained or lost."""
    if is_posted(world, f"stock/{fact.movement_id}"):
        return NOTHING
    return Decision(changed=post(ledger.stock_adjusted(fact.movement_id, fact.value), context))


def _issue_if_ready(world: World, before: OrderAccount, account: OrderAccount, context: Context) -> Decision:
    if not account.may_be_invoiced:
        return decide(before, Change(account), context)
    counter, credit_notes = drawn(world, INVOICE, context), drawn(world, CREDIT_NOTE, context)
    change = invoicing.issue(account, counter.text, credit_notes.text, moment(context))
    return decide(before, change, context, counter, *if_credited(credit_notes, before, change))


def _order(fact: facts.ReservationFailed) -> Keys:
    return keys(OrderAccount, [fact.order_id])


def _order_and_numbers(fact: facts.OrderPlaced | facts.StockReserved) -> Keys:
    return keys(OrderAccount, [fact.order_id]) | keys(Counter, [INVOICE, CREDIT_NOTE])


def _order_and_credit_note_number(fact: facts.OrderCancelled | facts.OrderLinesCancelled) -> Keys:
    return keys(OrderAccount, [fact.order_id]) | keys(Counter, [CREDIT_NOTE])


def _order_if_shipped(fact: facts.OrderShipped | None) -> Keys:
    return keys(OrderAccount, [fact.order_id] if fact else [])


def _order_and_shipment(fact: facts.StockShipped) -> Keys:
    return keys(OrderAccount, [fact.order_id]) | keys(PostedJournal, [f"ship/{fact.fulfillment_id}"])


def _movement(fact: facts.StockReceived | facts.StockAdjusted) -> Keys:
    return keys(PostedJournal, [f"stock/{fact.movement_id}"])


SUBSCRIPTIONS: dict[type[Message], Reaction[Any]] = {
    order_events_pb2.OrderPlaced: Reaction(wire.order_placed, _order_and_numbers, order_placed),
    order_events_pb2.OrderCancelled: Reaction(wire.order_cancelled, _order_and_credit_note_number, order_cancelled),
    order_events_pb2.OrderLinesCancelled: Reaction(
        wire.order_lines_cancelled, _order_and_credit_note_number, order_lines_cancelled
    ),
    order_events_pb2.OrderPartiallyFulfilled: Reaction(wire.order_shipped, _order_if_shipped, order_shipped),
    order_events_pb2.OrderFulfilled: Reaction(wire.order_shipped, _order_if_shipped, order_shipped),
    inventory_events_pb2.InventoryReserved: Reaction(wire.inventory_reserved, _order_and_numbers, inventory_reserved),
    inventory_events_pb2.InventoryReservationFailed: Reaction(wire.reservation_failed, _order, reservation_failed),
    inventory_events_pb2.StockShipped: Reaction(wire.stock_shipped, _order_and_shipment, stock_shipped),
    inventory_events_pb2.StockReceived: Reaction(wire.stock_received, _movement, stock_received),
    inventory_events_pb2.StockAdjusted: Reaction(wire.stock_adjusted, _movement, stock_adjusted),
}
