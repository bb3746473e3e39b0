"""What order_svc tells the others. Each event holds the order as it was when it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from order_svc.domain.order import Fulfillment, LineCancellation, Order, Person


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order was placed."""

    order: Order


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """An order was cancelled before its first shipment; `by` is empty when a fact did it."""

    order: Order
    by: Person | None


@dataclass(frozen=True, slots=True)
class OrderConfirmed:
    """An order is reserved, paid and approved where needed."""

    order: Order


@dataclass(frozen=True, slots=True)
class OrderPartiallyFulfilled:
    """A part of an order was shipped; more is to come."""

    order: Order
    fulfillment: Fulfillment


@dataclass(frozen=True, slots=True)
class OrderFulfilled:
    """An order was shipped completely; this is its last shipment, or none where the rest was cancelled."""

    order: Order
    fulfillment: Fulfillment | None


@dataclass(frozen=True, slots=True)
class OrderLinesCancelled:
    """What remained of a partially shipped order was cancelled."""

    order: Order
    cancellation: LineCancellation
    by: Person


@dataclass(frozen=True, slots=True)
class OrderCancellationSettled:
    """A cancellation, of all or of what remained, was made good, or a refund failed."""

    order: Order


@dataclass(frozen=True, slots=True)
class OrderStateChanged:
    """The state, the facts or the settlement of an order changed."""

    order: Order


Event = (
    OrderPlaced
    | OrderCancelled
    | OrderConfirmed
    | OrderPartiallyFulfilled
    | OrderFulfilled
    | OrderLinesCancelled
    | OrderCancellationSettled
    | OrderStateChanged
)
