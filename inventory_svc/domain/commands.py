"""What can be asked of inventory, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis.money import Money
from inventory_svc.domain.adjustment import AdjustmentLine
from inventory_svc.domain.announcement import AnnouncedLine
from inventory_svc.domain.stock import MovementReason, ReceiptLine


@dataclass(frozen=True, slots=True)
class CreateItem:
    """Make an item without stock."""

    sku: str
    name: str
    standard_cost: Money


@dataclass(frozen=True, slots=True)
class UpdateItem:
    """Change an item; None leaves it as it is."""

    sku: str
    name: str | None
    standard_cost: Money | None
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Correct the stock of some items, each SKU once."""

    reason: MovementReason
    comment: str
    lines: tuple[AdjustmentLine, ...]


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Receive stock, each SKU once."""

    reference: str
    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True, slots=True)
class PrioritizeBackorder:
    """Give a waiting order another place in its queues; `expected_version` is that of its reservation."""

    order_id: str
    priority: int
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class ReleaseHeld:
    """Give back what a waiting order holds; `expected_version` is that of its reservation."""

    order_id: str
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class AnnounceStock:
    """Expect stock at a time, each SKU once."""

    reference: str
    expected_time: datetime
    lines: tuple[AnnouncedLine, ...]
