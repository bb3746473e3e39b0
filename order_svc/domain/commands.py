"""What can be asked of an order, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis.money import Money
from order_svc.domain.order import Terms


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Place an order on these terms."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel an order before its first shipment."""

    order_id: str
    reason: str
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class CancelRemaining:
    """Cancel what remains of a partially shipped order."""

    order_id: str
    reason: str
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class FulfillOrder:
    """Ship some of what remains of an order; `wanted` are (line number, units), none means all."""

    order_id: str
    wanted: tuple[tuple[int, int], ...]
    tracking_reference: str | None
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class SetPrice:
    """List a price, with its tax rate in basis points; valid from now on where no time is named."""

    sku: str
    unit_price: Money
    tax_rate_basis_points: int
    valid_from: datetime | None
