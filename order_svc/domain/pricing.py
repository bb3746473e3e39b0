"""All price arithmetic of an order: lines, totals, and the share that a part of a line carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chassis.money import BASIS_POINTS, Money, total
from order_svc.domain.errors import InvalidLines


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A line as the client asks for it: whole units, a unit price, rates in basis points."""

    sku: str
    quantity: int
    unit_price: Money
    discount_basis_points: int
    tax_rate_basis_points: int


@dataclass(frozen=True, slots=True)
class Line:
    """A priced line. Net and tax are rounded half to even, once each (api.md, Orders)."""

    line_number: int
    sku: str
    quantity: int
    unit_price: Money
    discount_basis_points: int
    tax_rate_basis_points: int
    net: Money
    tax: Money
    quantity_shipped: int = 0
    quantity_cancelled: int = 0

    @property
    def total(self) -> Money:
        """Net plus tax."""
        return self.net + self.tax

    @property
    def remaining(self) -> int:
        """Units that are neither shipped nor cancelled."""
        return self.quantity - self.quantity_shipped - self.quantity_cancelled

    def shipped(self, units: int) -> Line:
        """Units went out."""
        return replace(self, quantity_shipped=self.quantity_shipped + units)

    def closed(self) -> Line:
        """What remained was cancelled."""
        return replace(self, quantity_cancelled=self.quantity_cancelled + self.remaining)


def price(requests: Sequence[LineRequest]) -> tuple[Line, ...]:
    """Price lines. Refuses an order whose total is 2^53 minor units or more."""
    try:
        lines = tuple(_priced(number, request) for number, request in enumerate(requests, 1))
        total((line.total for line in lines), requests[0].unit_price.currency_code)
    except ValueError:
        raise InvalidLines("lines", "total.range", "must add up to less than 2^53 minor units") from None
    return lines


def _priced(number: int, request: LineRequest) -> Line:
    net = request.unit_price.times(request.quantity * (BASIS_POINTS - request.discount_basis_points), BASIS_POINTS)
    return Line(
        line_number=number,
        sku=request.sku,
        quantity=request.quantity,
        unit_price=request.unit_price,
        discount_basis_points=request.discount_basis_points,
        tax_rate_basis_points=request.tax_rate_basis_points,
        net=net,
        tax=net.times(request.tax_rate_basis_points, BASIS_POINTS),
    )


def share(amount: Money, *, before: int, after: int, whole: int) -> Money:
    """Return what the units from `before` to `after` of `whole` carry of an amount.

    The cumulative share, half to even, minus what earlier parts carried: so parts add up to the amount exactly, and
    the last one takes the rest (domain.md, Order).
    """
    return amount.times(after, whole) - amount.times(before, whole)
