"""Takes every event of every topic into the read models."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from chassis.handling import Reaction
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, World, keys
from reporting_svc import wire
from reporting_svc.projections import order_summary
from reporting_svc.projections.order_summary import OrderSummary
from reporting_svc.projections.timeline import TimelineStep
from reporting_svc.seen import Seen
from reporting_svc.summaries import SUMMARIES


def project(world: World, seen: Seen, context: Context) -> Decision:
    """Add a step to the order's timeline and bring its summary up to date. An event that is a step already changes nothing.

    What is about no order (StockReceived, StockAdjusted, LedgerHeadSealed) is in no read model yet.
    """
    if not seen.order_id or world.find(TimelineStep, seen.event_id):
        return NOTHING
    known = world.find(OrderSummary, seen.order_id) or OrderSummary(seen.order_id)
    return Decision(changed=(order_summary.project(known, seen), TimelineStep(seen, context.now)))


def _keys(seen: Seen) -> Keys:
    if not seen.order_id:
        return frozenset()
    return keys(OrderSummary, [seen.order_id]) | keys(TimelineStep, [seen.event_id])


SUBSCRIPTIONS: dict[type[Message], Reaction[Any]] = {
    event_type: Reaction(wire.seen, _keys, project) for event_type in SUMMARIES
}

WORKS: dict[str, Work[Any, Any]] = {}
