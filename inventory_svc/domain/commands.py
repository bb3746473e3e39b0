"""What can be asked of inventory, as values."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.money import Money
from inventory_svc.domain.stock import ReceiptLine


@dataclass(frozen=True, slots=True)
class CreateItem:
    """Make an item without stock."""

    sku: str
    name: str
    standard_cost: Money


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Receive stock, each SKU once."""

    reference: str
    lines: tuple[ReceiptLine, ...]
