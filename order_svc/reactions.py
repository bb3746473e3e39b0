"""What an order learns from the other services: one decider for all facts, and what is subscribed (wire.FACTS)."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from chassis.handling import Reaction
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, World, keys
from order_svc import wire
from order_svc.domain.facts import Fact
from order_svc.domain.order import Order, learn

Told = tuple[str, Fact | None]


def learn_fact(world: World, told: Told, context: Context) -> Decision:
    """Let an order learn a fact. An order that is not here cannot have been placed: that is an error, never ignored."""
    order_id, fact = told
    if fact is None:
        return NOTHING
    order = world.find(Order, order_id)
    if order is None:
        raise LookupError("a fact about an order that was never placed here")
    learned, events = learn(order, fact, context.now)
    return Decision(changed=(learned,), events=events) if learned != order else NOTHING


def _order(told: Told) -> Keys:
    return keys(Order, [told[0]])


SUBSCRIPTIONS: dict[type[Message], Reaction[Told]] = {
    event: Reaction(parse=wire.told, keys=_order, react=learn_fact) for event in wire.FACTS
}

WORKS: dict[str, Work[Any, Any]] = {}
