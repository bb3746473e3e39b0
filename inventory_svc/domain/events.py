"""What inventory_svc tells the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chassis.money import Money, total
from inventory_svc.domain.reservation import Line
from inventory_svc.domain.stock import Movement


class Failure(StrEnum):
    """Why an order could not be served."""

    BACKORDERED = "BACKORDERED"
    UNKNOWN_ITEM = "UNKNOWN_ITEM"


class ReleaseReason(StrEnum):
    """Why stock was given back."""

    ORDER_CANCELLED = "ORDER_CANCELLED"
    LINES_CANCELLED = "LINES_CANCELLED"
    HOLD_RELEASED = "HOLD_RELEASED"


@dataclass(frozen=True, slots=True)
class InventoryReserved:
    """Everything an order needs is held for it."""

    order_id: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class InventoryReservationFailed:
    """An order waits, or (UNKNOWN_ITEM; `lines` are those that name one) will never be served.

    `expected` are the times at which announced stock should complete its lines, by line number, as far as they are known.
    """

    order_id: str
    reason: Failure
    lines: tuple[Line, ...]
    expected: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InventoryReleased:
    """What was held has been given back; `lines` hold it still, and may be none."""

    order_id: str
    reason: ReleaseReason
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """Units of a line that left, and what one was worth."""

    line_number: int
    sku: str
    quantity: int
    unit_cost: Money


@dataclass(frozen=True, slots=True)
class StockShipped:
    """Stock left the warehouse for an order."""

    order_id: str
    fulfillment_id: str
    lines: tuple[ShippedLine, ...]

    @property
    def value(self) -> Money:
        """The cost of the whole shipment."""
        return total((line.unit_cost.times(line.quantity) for line in self.lines), self.lines[0].unit_cost.currency_code)


@dataclass(frozen=True, slots=True)
class StockReceived:
    """Stock of one item came in."""

    movement: Movement
    receipt_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class StockAdjusted:
    """Stock of one item was corrected, or revalued. `adjustment_id` is None for a cost change."""

    movement: Movement
    adjustment_id: str | None


Event = InventoryReserved | InventoryReservationFailed | InventoryReleased | StockShipped | StockReceived | StockAdjusted
