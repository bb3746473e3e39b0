"""An event as the projections see it: what every event says of itself, and what a few of them say of an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis.money import Money


@dataclass(frozen=True, slots=True)
class Placed:
    """What OrderPlaced says of an order, and nothing later changes."""

    customer_id: str
    net: Money
    tax: Money
    total: Money
    placed_by_subject: str
    placed_by_username: str
    place_time: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """What OrderStateChanged says: state, settlement and facts by the names of the contract, without their prefix."""

    state: str
    reservation: str
    invoice: str
    payment: str
    approval: str
    deadline_time: datetime | None
    settlement: str | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Why an order, or what remained of it, was cancelled."""

    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One event. `order_id` is empty where it is about no order; `says` is None where it changes no summary."""

    event_id: str
    event_type: str
    order_id: str
    producer: str
    stream_sequence: int
    occur_time: datetime
    attempts: int
    causation_id: str
    summary: str
    says: Placed | Changed | Cancelled | None = None
