"""What an order learns from the other services: one decider for all facts, and what is subscribed; and its deadlines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from chassis.handling import Reaction
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, Timer, World, keys
from order_svc import wire
from order_svc.domain.facts import Fact
from order_svc.domain.order import Deadlines, Order, expire, learn

Told = tuple[str, Fact | None]


DEADLINE = "deadline"


def learn_fact(deadlines: Deadlines) -> Callable[[World, Told, Context], Decision]:
    """Make the decider for orders that have these deadlines."""

    def decide(world: World, told: Told, context: Context) -> Decision:
        """Let an order learn a fact. An order that is not here cannot have been placed: that is an error, never ignored."""
        order_id, fact = told
        if fact is None:
            return NOTHING
        order = world.find(Order, order_id)
        if order is None:
            raise LookupError("a fact about an order that was never placed here")
        learned, events = learn(order, fact, context.now, deadlines)
        return Decision(changed=(learned,), events=events) if learned != order else NOTHING

    return decide


def _order(told: Told) -> Keys:
    return keys(Order, [told[0]])


def subscriptions(deadlines: Deadlines) -> dict[type[Message], Reaction[Told]]:
    """Return what is subscribed, for orders that have these deadlines."""
    react = learn_fact(deadlines)
    return {event: Reaction(parse=wire.told, keys=_order, react=react) for event in wire.FACTS}


def look_at(order: Order, now: datetime, deadlines: Deadlines) -> Timer:
    """Set when an order is looked at next: no later than any deadline that it has or may get before (ADR 0024)."""
    latest = now + deadlines.shortest
    return Timer(DEADLINE, order.order_id, min(latest, order.deadline_time or latest))


def plan_deadline(world: World, order_id: str, _context: Context) -> str | None:
    """Return the order if it still waits for something."""
    order = world.find(Order, order_id)
    return order_id if order is not None and order.may_expire else None


def record_deadline(deadlines: Deadlines) -> Callable[[World, str, None, Context, int], Decision]:
    """Make the decider on orders that are looked at."""

    def decide(world: World, order_id: str, _answer: None, context: Context, _tries: int) -> Decision:
        """Cancel an order whose deadline has passed, as it is in this transaction; look at any other again later."""
        order = world.find(Order, order_id)
        if order is None or not order.may_expire:
            return NOTHING
        expired, events = expire(order, context.now)
        if events:
            return Decision(changed=(expired,), events=events)
        return Decision(timers=(look_at(order, context.now, deadlines),))

    return decide


def works(deadlines: Deadlines) -> dict[str, Work[Any, Any]]:
    """Return the works of order_svc, by kind of timer; nobody outside is asked."""
    return {
        DEADLINE: Work(
            keys=lambda order_id: keys(Order, [order_id]),
            plan=plan_deadline,
            perform=lambda _order_id: None,
            record=record_deadline(deadlines),
        )
    }
