"""What order_svc says about orders, as far as stock needs it."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_svc.domain.reservation import Line, LineCancellation, Placing, Shipment


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order was placed."""

    order_id: str
    placing: Placing
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """An order was cancelled; `skus` are those it names."""

    order_id: str
    placing: Placing | None
    skus: frozenset[str]


@dataclass(frozen=True, slots=True)
class OrderLinesCancelled:
    """What remained of a partially shipped order was cancelled; `skus` are those it names."""

    order_id: str
    cancellation: LineCancellation
    skus: frozenset[str]


@dataclass(frozen=True, slots=True)
class OrderConfirmed:
    """An order may be shipped."""

    order_id: str


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """Some or all of an order was shipped; `shipment` is empty when the rest was cancelled."""

    order_id: str
    shipment: Shipment | None
    skus: frozenset[str]
