"""Corrections of the stock in the books, up or down; never below what is held for orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from inventory_svc.domain.backorder import Stock
from inventory_svc.domain.errors import InUse, StockInUse
from inventory_svc.domain.stock import MovementReason, StockItem


class Holders:
    """Names a SKU among the keys of a message: the first orders that hold stock of it are looked up, not locked."""


@dataclass(frozen=True, slots=True)
class AdjustmentLine:
    """Units of one item, up or down."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction that was applied, and the waiting orders it completed, in queue order."""

    adjustment_id: str
    reason: MovementReason
    comment: str
    lines: tuple[AdjustmentLine, ...]
    completed_order_ids: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The adjustment's id."""
        return self.adjustment_id


def adjust(stock: Mapping[str, StockItem], lines: Iterable[AdjustmentLine], holders: Callable[[str], tuple[str, ...]]) -> Stock:
    """Move every line, or refuse all where one takes more than is free: StockInUse. `stock` has every SKU they name.

    `holders` returns the first orders that hold stock of a SKU; it is asked for a refusal only.
    """
    asked = tuple(lines)
    in_use = [
        InUse(place, line.quantity, stock[line.sku], holders(line.sku))
        for place, line in enumerate(asked)
        if stock[line.sku].available + line.quantity < 0
    ]
    if in_use:
        raise StockInUse(in_use)
    return {line.sku: stock[line.sku].moved(line.quantity) for line in asked}
