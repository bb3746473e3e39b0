"""What stock must be, in the simplest words: a model for tests/inventory_svc/test_stock_machine.py, of domain.md, Inventory.

Each new way to change stock (another release, another order of the queue) is one method here and one rule there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.inventory_svc.counter import Order


@dataclass
class Line:
    """One line of an order."""

    sku: str
    quantity: int
    held: int = 0
    shipped: int = 0

    @property
    def missing(self) -> int:
        """Units that are neither held nor shipped."""
        return self.quantity - self.held - self.shipped


@dataclass
class Wanted:
    """An order that was placed. Nothing prioritizes one yet."""

    order: Order
    lines: list[Line]
    priority: int = 0
    is_open: bool = True
    is_confirmed: bool = False

    @property
    def place(self) -> tuple[int, datetime, str]:
        """What orders the queue."""
        return -self.priority, self.order.place_time, self.order.order_id

    @property
    def is_complete(self) -> bool:
        """Whether nothing of it is missing."""
        return not any(line.missing for line in self.lines)

    @property
    def is_touched(self) -> bool:
        """Whether anything of it was shipped."""
        return any(line.shipped for line in self.lines)


@dataclass
class Model:
    """Items and orders. `booked` is the value of an item's stock as it was told, movement by movement."""

    cost: dict[str, int]
    on_hand: dict[str, int] = field(init=False)
    booked: dict[str, int] = field(init=False)
    orders: list[Wanted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.on_hand, self.booked = dict.fromkeys(self.cost, 0), dict.fromkeys(self.cost, 0)

    def open_lines(self, sku: str) -> list[Line]:
        """The lines of open orders on an item, in the order of the queue."""
        queue = sorted((order for order in self.orders if order.is_open), key=lambda order: order.place)
        return [line for order in queue for line in order.lines if line.sku == sku]

    def reserved(self, sku: str) -> int:
        """Units that are held."""
        return sum(line.held for line in self.open_lines(sku))

    def backordered(self, sku: str) -> int:
        """Units that are waited for."""
        return sum(line.missing for line in self.open_lines(sku))

    def free(self, sku: str) -> int:
        """Units that nobody holds."""
        return self.on_hand[sku] - self.reserved(sku)

    def placed(self, order: Order) -> None:
        """A new order takes what is free where nobody waits, line by line."""
        wanted = Wanted(order, [])
        self.orders.append(wanted)
        for sku, quantity in order.wants:
            free = 0 if self.backordered(sku) else self.free(sku)
            wanted.lines.append(Line(sku, quantity, held=min(quantity, free)))

    def can_move(self, units: Mapping[str, int]) -> bool:
        """Whether no more than what is free would be gone."""
        return all(self.free(sku) + quantity >= 0 for sku, quantity in units.items())

    def moved(self, units: Mapping[str, int]) -> list[str]:
        """Units came in or are gone; who waits is served. Returns the orders this completed, in queue order."""
        for sku, quantity in units.items():
            self.on_hand[sku] += quantity
            self.booked[sku] += quantity * self.cost[sku]
        return self.serve(units)

    def serve(self, skus: Iterable[str]) -> list[str]:
        """Give what is free to those who wait, strictly in turn."""
        waited = [order for order in self.orders if order.is_open and not order.is_complete]
        for sku in skus:
            for line in self.open_lines(sku):
                line.held += min(line.missing, self.free(sku))
        done = sorted((order for order in waited if order.is_complete), key=lambda order: order.place)
        return [order.order.order_id for order in done]

    def cancelled(self, wanted: Wanted) -> None:
        """An order gives back what it holds, and the next in line get it."""
        wanted.is_open = False
        for line in wanted.lines:
            line.held = 0
        self.serve({line.sku for line in wanted.lines})

    def shipped(self, wanted: Wanted, units: Mapping[int, int]) -> None:
        """Held units of these lines (by index) left, at the cost of the moment."""
        for place, quantity in units.items():
            line = wanted.lines[place]
            line.held, line.shipped = line.held - quantity, line.shipped + quantity
            self.on_hand[line.sku] -= quantity
            self.booked[line.sku] -= quantity * self.cost[line.sku]

    def revalued(self, sku: str, cost: int) -> None:
        """What is on hand is worth something else."""
        self.booked[sku] += self.on_hand[sku] * (cost - self.cost[sku])
        self.cost[sku] = cost
