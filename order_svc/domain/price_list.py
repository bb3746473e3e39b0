"""The price list: facts that only grow in number, and the rule for whoever may not set prices (domain.md, Order)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.money import Money
from order_svc.domain.errors import Mismatch, PriceMismatch
from order_svc.domain.pricing import Line


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of an item costs from a time on, before discount and tax; the tax rate is in basis points."""

    price_id: str
    sku: str
    unit_price: Money
    tax_rate_basis_points: int
    valid_from: datetime

    @property
    def key(self) -> str:
        """The price id."""
        return self.price_id


Listed = Mapping[tuple[str, str], Price]
"""The list prices at one time, by SKU and currency."""


def hold_to_list(lines: Sequence[Line], listed: Listed) -> None:
    """Refuse lines that are not at list price: unit price and tax rate as listed, no discount. Names every such line."""
    found = [mismatch for place, line in enumerate(lines) if (mismatch := _mismatch(place, line, listed))]
    if found:
        raise PriceMismatch(found)


def _mismatch(place: int, line: Line, listed: Listed) -> Mismatch | None:
    """Say what is wrong with a line, at the first field that is wrong."""
    currency = line.unit_price.currency_code
    price = listed.get((line.sku, currency))
    if price is None:
        return Mismatch(place, "unit_price", f"there is no list price for {line.sku} in {currency}")
    given = {
        "unit_price": (line.unit_price.minor_units, price.unit_price.minor_units),
        "tax_rate_basis_points": (line.tax_rate_basis_points, price.tax_rate_basis_points),
        "discount_basis_points": (line.discount_basis_points, 0),
    }
    wrong = {name: pair for name, pair in given.items() if pair[0] != pair[1]}
    if not wrong:
        return None
    texts = [f"{name} is {ours}, listed {theirs}" for name, (ours, theirs) in wrong.items()]
    return Mismatch(place, next(iter(wrong)), f"{line.sku} in {currency}: {'; '.join(texts)}")
