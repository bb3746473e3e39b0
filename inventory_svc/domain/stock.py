"""An item and its stock, and the append-only movements that explain it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chassis.money import Money

MAIN_WAREHOUSE = "MAIN"


class MovementReason(StrEnum):
    """Why stock moved."""

    RECEIPT = "RECEIPT"
    SHIPMENT = "SHIPMENT"


@dataclass(frozen=True, slots=True)
class StockItem:
    """An item in one warehouse, in whole units.

    `backordered` is what waiting order lines still miss of it; `backordered_whole` is the part of that which orders miss
    that take all they need at once or nothing. Nothing is free while anyone else waits: available > 0 implies
    backordered = backordered_whole after every message (ADR 0022).
    """

    sku: str
    name: str
    standard_cost: Money
    on_hand: int = 0
    reserved: int = 0
    backordered: int = 0
    warehouse_id: str = MAIN_WAREHOUSE
    backordered_whole: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.reserved <= self.on_hand:
            raise ValueError(f"{self.sku}: {self.reserved} of {self.on_hand} reserved")
        if not 0 <= self.backordered_whole <= self.backordered:
            raise ValueError(f"{self.sku}: {self.backordered_whole} of {self.backordered} backordered as a whole")

    @property
    def key(self) -> str:
        """The SKU."""
        return self.sku

    @property
    def available(self) -> int:
        """Units that nobody holds."""
        return self.on_hand - self.reserved

    @property
    def backordered_in_parts(self) -> int:
        """Units missed by orders that take whatever comes."""
        return self.backordered - self.backordered_whole

    @property
    def free_for_newcomers(self) -> int:
        """Units that an order at the tail of the queue may take: none while somebody ahead of it would take them."""
        return self.available if self.backordered_in_parts == 0 else 0

    def received(self, quantity: int) -> StockItem:
        """Units came in."""
        return replace(self, on_hand=self.on_hand + quantity)

    def joined(self, *, taken: int, missing: int) -> StockItem:
        """A new order line took some units and waits for others."""
        return replace(self, reserved=self.reserved + taken, backordered=self.backordered + missing)

    def served(self, quantity: int) -> StockItem:
        """A waiting order line got units."""
        return replace(self, reserved=self.reserved + quantity, backordered=self.backordered - quantity)

    def served_whole(self, quantity: int) -> StockItem:
        """An order that takes all or nothing got all it missed of this item."""
        return replace(
            self,
            reserved=self.reserved + quantity,
            backordered=self.backordered - quantity,
            backordered_whole=self.backordered_whole - quantity,
        )

    def left(self, *, held: int, missing: int) -> StockItem:
        """An order line gave back what it held and waits no more."""
        return replace(self, reserved=self.reserved - held, backordered=self.backordered - missing)

    def left_whole(self, missing: int) -> StockItem:
        """A line of an order that takes all or nothing waits no more."""
        return replace(self, backordered=self.backordered - missing, backordered_whole=self.backordered_whole - missing)

    def gave_back(self, *, held: int, missing: int) -> StockItem:
        """A waiting order line gave back what it held, and will take all it needs at once."""
        return replace(
            self,
            reserved=self.reserved - held,
            backordered=self.backordered + held,
            backordered_whole=self.backordered_whole + held + missing,
        )

    def shipped(self, quantity: int) -> StockItem:
        """Held units went out."""
        return replace(self, on_hand=self.on_hand - quantity, reserved=self.reserved - quantity)


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of an item's on_hand: positive in, negative out. Its natural key is (source_id, sku, line_number).

    `source_id` is the receipt or the fulfillment; `line_number` is the order line, 0 for receipts; `cause_id` is the
    request or event that was handled.
    """

    movement_id: str
    sku: str
    quantity: int
    reason: MovementReason
    source_id: str
    line_number: int
    on_hand_after: int
    cause_id: str
    warehouse_id: str = MAIN_WAREHOUSE

    @property
    def key(self) -> str:
        """The movement's id."""
        return self.movement_id


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """Units of one item that came in."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Stock that came in, and the waiting orders it completed, in queue order."""

    receipt_id: str
    reference: str
    lines: tuple[ReceiptLine, ...]
    completed_order_ids: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The receipt's id."""
        return self.receipt_id
