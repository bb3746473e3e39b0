"""One decider per event that workflow_svc reads, and the table of them."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from atlas.billing.v1 import payment_events_pb2
from atlas.orders.v1 import order_events_pb2
from chassis.handling import Reaction
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, World, keys
from workflow_svc import wire
from workflow_svc.domain.approval import Approval
from workflow_svc.domain.facts import Cancelled, Fact, Paid, Placed
from workflow_svc.domain.order import Learned, Order, learn_cancelled, learn_paid, learn_placed
from workflow_svc.store import ORDER_POLICY


def order_placed(world: World, fact: Placed, context: Context) -> Decision:
    """Answer whether people have to decide, and who."""
    order, approval = _known(world, fact)
    policy = world.extra[ORDER_POLICY]
    learned = learn_placed(order, fact, policy, approval_id=context.new_id(), now=context.now)
    return _decision(order, approval, learned)


def payment_succeeded(world: World, fact: Paid, context: Context) -> Decision:
    """Open the first step once the invoice is paid; a part of the money opens nothing."""
    if not fact.in_full:
        return NOTHING
    order, approval = _known(world, fact)
    return _decision(order, approval, learn_paid(order, approval, context.now))


def order_cancelled(world: World, fact: Cancelled, _context: Context) -> Decision:
    """Withdraw what is still to be decided; read before OrderPlaced it leaves a tombstone."""
    order, approval = _known(world, fact)
    return _decision(order, approval, learn_cancelled(order, approval, fact))


def _known(world: World, fact: Fact) -> tuple[Order, Approval | None]:
    order = world.find(Order, fact.order_id) or Order(fact.order_id)
    return order, world.find(Approval, order.approval_id) if order.approval_id else None


def _decision(order: Order, approval: Approval | None, learned: Learned) -> Decision:
    """Return what changed; a fact that was known changes nothing."""
    changed: list[Order | Approval] = [] if learned.order == order else [learned.order]
    if learned.approval is not None and learned.approval != approval:
        changed.append(learned.approval)
    return Decision(changed=tuple(changed), events=learned.events)


def _order(fact: Fact) -> Keys:
    return keys(Order, [fact.order_id])


SUBSCRIPTIONS: dict[type[Message], Reaction[Any]] = {
    order_events_pb2.OrderPlaced: Reaction(wire.order_placed, _order, order_placed),
    order_events_pb2.OrderCancelled: Reaction(wire.order_cancelled, _order, order_cancelled),
    payment_events_pb2.PaymentSucceeded: Reaction(wire.payment_succeeded, _order, payment_succeeded),
}

WORKS: dict[str, Work[Any, Any]] = {}
