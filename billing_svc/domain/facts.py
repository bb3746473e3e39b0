"""What other services tell billing, as far as billing needs it."""

from __future__ import annotations

from dataclasses import dataclass

from billing_svc.domain.invoice import CreditedLine, LineCancellation, Person, Terms
from chassis.money import Money


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order was placed."""

    order_id: str
    placed_by: Person
    terms: Terms


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """An order was cancelled before its first shipment; it may be the first that is heard of the order."""

    order_id: str
    placed_by: Person | None


@dataclass(frozen=True, slots=True)
class OrderLinesCancelled:
    """What remained of a partially shipped order was cancelled."""

    order_id: str
    cancellation: LineCancellation


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """A shipment of an order: its lines, with their share of the order's money, and the sum of their net."""

    order_id: str
    fulfillment_id: str
    net: Money
    lines: tuple[CreditedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class StockReserved:
    """Everything an order needs is held for it."""

    order_id: str


@dataclass(frozen=True, slots=True)
class ReservationFailed:
    """An order cannot be served now, or never."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class StockShipped:
    """What left the warehouse for an order, at cost."""

    order_id: str
    fulfillment_id: str
    value: Money


@dataclass(frozen=True, slots=True)
class StockReceived:
    """What one stock movement added to the value of the stock."""

    movement_id: str
    value: Money


@dataclass(frozen=True, slots=True)
class StockAdjusted:
    """By how much one stock movement that is no trade raised the value of the stock, or lowered it where negative."""

    movement_id: str
    value: Money
