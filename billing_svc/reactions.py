"""What billing does when it hears something: one decider per event, the works that ask the provider, and their tables."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from billing_svc import wire
from billing_svc.domain import collecting, facts, invoicing, ledger, refunding
from billing_svc.domain.numbering import CREDIT_NOTE, INVOICE, Counter
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.provider_call import Answer
from billing_svc.posting import PostedJournal, is_posted, post
from billing_svc.provider import PaymentProvider, PaymentQuestion, RefundQuestion
from chassis.handling import Reaction
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, Timer, World, keys

PAYMENT, REFUND = "payment", "refund"


def order_placed(world: World, fact: facts.OrderPlaced, context: Context) -> Decision:
    """Learn the terms, and issue the invoice if the stock is held already."""
    account = _account(world, fact.order_id)
    return _issue_if_ready(world, account, invoicing.place(account, fact), context)


def inventory_reserved(world: World, fact: facts.StockReserved, context: Context) -> Decision:
    """Learn that the stock is held, and issue the invoice if the terms are known already."""
    account = _account(world, fact.order_id)
    return _issue_if_ready(world, account, invoicing.reserve(account), context)


def reservation_failed(world: World, fact: facts.ReservationFailed, context: Context) -> Decision:
    """Note why there is nothing to invoice yet."""
    account = _account(world, fact.order_id)
    return _decide(account, Change(invoicing.note_reservation_failure(account, fact.reason)), context)


def order_cancelled(world: World, fact: facts.OrderCancelled, context: Context) -> Decision:
    """Take back what was invoiced and answer the cancellation."""
    account = _account(world, fact.order_id)
    counter = _counter(world, CREDIT_NOTE).drawn()
    change = invoicing.cancel(account, fact, counter.text, _moment(context))
    return _decide(account, change, context, *_if_drawn(counter, account, change))


def order_lines_cancelled(world: World, fact: facts.OrderLinesCancelled, context: Context) -> Decision:
    """Take back what was invoiced for lines that will not be shipped, and answer the cancellation."""
    account = _account(world, fact.order_id)
    counter = _counter(world, CREDIT_NOTE).drawn()
    change = invoicing.cancel_lines(account, fact, counter.text, _moment(context))
    return _decide(account, change, context, *_if_drawn(counter, account, change))


def _if_drawn(counter: Counter, before: OrderAccount, change: Change) -> tuple[Counter, ...]:
    return (counter,) if len(change.account.credit_notes) > len(before.credit_notes) else ()


def order_shipped(world: World, fact: facts.OrderShipped | None, context: Context) -> Decision:
    """Post the revenue of a shipment; a short close ships nothing."""
    if fact is None:
        return NOTHING
    account = _account(world, fact.order_id)
    return _decide(account, invoicing.ship(account, fact), context)


def stock_shipped(world: World, fact: facts.StockShipped, context: Context) -> Decision:
    """Post the cost of a shipment."""
    if is_posted(world, f"ship/{fact.fulfillment_id}"):
        return NOTHING
    account = _account(world, fact.order_id)
    posted = ledger.stock_shipped(fact.order_id, fact.fulfillment_id, fact.value)
    return _decide(account, Change(account, journals=posted), context)


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


def _account(world: World, order_id: str) -> OrderAccount:
    """Return the order's account, a new one where this is the first that is heard of the order."""
    return world.find(OrderAccount, order_id) or OrderAccount(order_id)


def _counter(world: World, key: str) -> Counter:
    return world.find(Counter, key) or Counter(key, 0)


def _moment(context: Context) -> Moment:
    return Moment(context.now, context.new_id)


def _issue_if_ready(world: World, before: OrderAccount, account: OrderAccount, context: Context) -> Decision:
    if not account.may_be_invoiced:
        return _decide(before, Change(account), context)
    counter, credit_notes = _counter(world, INVOICE).drawn(), _counter(world, CREDIT_NOTE).drawn()
    change = invoicing.issue(account, counter.text, credit_notes.text, _moment(context))
    return _decide(before, change, context, counter, *_if_drawn(credit_notes, before, change))


def _decide(before: OrderAccount, change: Change, context: Context, *drawn: Counter) -> Decision:
    """Return a change as a decision: with its journals, and a timer for every call to the provider that moved."""
    if change == Change(before) and before != OrderAccount(before.order_id):
        return NOTHING
    return Decision(
        changed=(change.account, *post(change.journals, context), *drawn),
        events=change.events,
        timers=_timers(before, change.account),
    )


def _timers(before: OrderAccount, after: OrderAccount) -> tuple[Timer, ...]:
    was = dict(_due(before))
    return tuple(Timer(*it, due) for it, due in _due(after) if it not in was or was[it] != due)


def _due(account: OrderAccount) -> list[tuple[tuple[str, str], Any]]:
    payments = [((PAYMENT, f"{account.key}/{a.payment_id}"), a.next_call_time) for a in account.attempts]
    refunds = [((REFUND, f"{account.key}/{r.refund_id}"), r.next_call_time) for r in account.refunds]
    return payments + refunds


def plan_payment(world: World, key: str, context: Context) -> PaymentQuestion | None:
    """Return what to ask about an attempt, as the order is now; nothing where its outcome is known."""
    order_id, payment_id = key.split("/")
    account = _account(world, order_id)
    attempt, call = account.attempt(payment_id), account.next_call(payment_id)
    if attempt is None or call is None:
        return None
    return PaymentQuestion(call, order_id, payment_id, attempt.amount, attempt.payment_method)


def record_payment(world: World, question: PaymentQuestion, answer: Answer, context: Context, _tries: int) -> Decision:
    """Learn what the provider answered about an attempt; tries are counted by the attempt itself."""
    account = _account(world, question.order_id)
    change = collecting.hear_payment(account, question.payment_id, answer, _moment(context))
    return _decide(account, change, context)


def plan_refund(world: World, key: str, context: Context) -> RefundQuestion | None:
    """Return what to give back, or nothing where that is done or given up."""
    order_id, refund_id = key.split("/")
    refund = _account(world, order_id).refund(refund_id)
    if refund is None or not refund.is_open:
        return None
    return RefundQuestion(order_id, refund_id, refund.payment_id, refund.amount)


def record_refund(world: World, question: RefundQuestion, answer: Answer, context: Context, _tries: int) -> Decision:
    """Learn what the provider answered about a refund; tries are counted by the refund itself."""
    account = _account(world, question.order_id)
    return _decide(account, refunding.hear_refund(account, question.refund_id, answer, _moment(context)), context)


def _of_timer(key: str) -> Keys:
    return keys(OrderAccount, [key.split("/")[0]])


def works(provider: PaymentProvider) -> dict[str, Work[Any, Any]]:
    """Return the works that ask a provider, by kind of timer."""
    return {
        PAYMENT: Work(_of_timer, plan_payment, provider.ask_payment, record_payment),
        REFUND: Work(_of_timer, plan_refund, provider.ask_refund, record_refund),
    }


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
