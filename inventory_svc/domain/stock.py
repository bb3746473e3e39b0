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
    COUNT = "COUNT"
    DAMAGED = "DAMAGED"
    LOST = "LOST"
    FOUND = "FOUND"
    RETURN = "RETURN"
    EXPIRED = "EXPIRED"
    COST_CHANGED = "COST_CHANGED"


@dataclass(frozen=True, slots=True)
class StockItem:
    """An item in one warehouse, in whole units; `movement_count` says how often they moved.

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
    movement_count: int = 0
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

    def moved(self, quantity: int) -> StockItem:
        """Units came in, or free ones are gone where `quantity` is negative."""
        return replace(self, on_hand=self.on_hand + quantity, movement_count=self.movement_count + 1)

    def renamed(self, name: str) -> StockItem:
        """People call it something else."""
        return replace(self, name=name)

    def revalued(self, standard_cost: Money) -> StockItem:
        """One unit is worth something else from now on."""
        return replace(self, standard_cost=standard_cost, movement_count=self.movement_count + 1)

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
        return replace(
            self,
            on_hand=self.on_hand - quantity,
            reserved=self.reserved - quantity,
            movement_count=self.movement_count + 1,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """What moves stock: a receipt, a fulfillment or an adjustment by its id; a cost change by that of its own movement.

    `line_number` is the order line, 0 where there is none; `cause_id` is the request or event that is handled.
    """

    reason: MovementReason
    source_id: str
    cause_id: str
    line_number: int = 0


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of an item's on_hand, positive in, negative out; or of its cost, quantity 0.

    `number` is its place among the movements of the item, from 1; its natural key is (source_id, sku, line_number).
    `unit_cost` is the standard cost after it, `value_change` by how much the value of the stock rose.
    """

    movement_id: str
    sku: str
    number: int
    quantity: int
    source: Source
    on_hand_after: int
    unit_cost: Money
    value_change: Money
    warehouse_id: str = MAIN_WAREHOUSE

    @property
    def key(self) -> str:
        """The movement's id."""
        return self.movement_id


def movement_to(item: StockItem, quantity: int, source: Source, movement_id: str) -> Movement:
    """Return the movement by which an item became what it is now."""
    value_change = item.standard_cost.times(quantity)
    return _movement(item, quantity, source, movement_id, value_change)


def revaluation_of(before: StockItem, after: StockItem, source: Source, movement_id: str) -> Movement:
    """Return the movement of no units by which the value of an item's stock became what it is now.

    ValueError where the change is no amount of money any more (2^53 minor units).
    """
    value_change = (after.standard_cost - before.standard_cost).times(after.on_hand)
    return _movement(after, 0, source, movement_id, value_change)


def _movement(item: StockItem, quantity: int, source: Source, movement_id: str, value_change: Money) -> Movement:
    return Movement(
        movement_id=movement_id,
        sku=item.sku,
        number=item.movement_count,
        quantity=quantity,
        source=source,
        on_hand_after=item.on_hand,
        unit_cost=item.standard_cost,
        value_change=value_change,
        warehouse_id=item.warehouse_id,
    )


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
