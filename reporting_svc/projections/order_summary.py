"""One row an order: what was ordered, where it is, and the latest event read of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reporting_svc.seen import Cancelled, Changed, Placed, Seen

AT_PLACEMENT = Changed("PLACED", "AWAITED", "AWAITED", "AWAITED", "AWAITED", deadline_time=None, settlement=None)


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """An order as the events read so far show it; until OrderPlaced is read nobody may see it."""

    order_id: str
    placed: Placed | None = None
    changed: Changed = AT_PLACEMENT
    changed_sequence: int = 0
    """The number of the event that `changed` is from, in the order's own stream: an older one changes nothing."""
    cancel_reason: str | None = None
    last_event_id: str = ""
    last_event_type: str = ""
    last_event_time: datetime | None = None

    @property
    def key(self) -> str:
        """The order_id."""
        return self.order_id


def project(summary: OrderSummary, seen: Seen) -> OrderSummary:
    """Take in one event. Events of other topics may be read before OrderPlaced."""
    return _said(_latest(summary, seen), seen)


def _latest(summary: OrderSummary, seen: Seen) -> OrderSummary:
    known = summary.last_event_time
    if known is not None and (seen.occur_time, seen.event_id) <= (known, summary.last_event_id):
        return summary
    return replace(summary, last_event_id=seen.event_id, last_event_type=seen.event_type, last_event_time=seen.occur_time)


def _said(summary: OrderSummary, seen: Seen) -> OrderSummary:
    match seen.says:
        case Placed() as placed:
            return replace(summary, placed=placed)
        case Cancelled(reason):
            return replace(summary, cancel_reason=reason)
        case Changed() as changed if seen.stream_sequence > summary.changed_sequence:
            return replace(summary, changed=changed, changed_sequence=seen.stream_sequence)
    return summary
