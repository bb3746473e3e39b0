"""What stock must be, in the simplest words: a model for tests/inventory_svc/test_stock_machine.py, of domain.md, Inventory.

Each new way to change stock (another release, another order of the queue) is one method here and one rule there.
"""

from __future__ import annotations

from collections import Counter
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
    cancelled: int = 0

    @property
    def missing(self) -> int:
        """Units that are neither held nor shipped nor cancelled."""
        return self.quantity - self.held - self.shipped - self.cancelled


@dataclass
class Wanted:
    """An order that was placed. One that `waits_whole` takes all it misses at once, or nothing."""

    order: Order
    lines: list[Line]
    priority: int = 0
    is_open: bool = True
    is_confirmed: bool = False
    waits_whole: bool = False

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

    @property
    def needs(self) -> Counter[str]:
        """Units it misses, by SKU."""
        needs = Counter[str]()
        for line in self.lines:
            needs[line.sku] += line.missing
        return +needs


@dataclass
class Model:
    """Items and orders. `booked` is the value of an item's stock as it was told, movement by movement."""

    cost: dict[str, int]
    on_hand: dict[str, int] = field(init=False)
    booked: dict[str, int] = field(init=False)
    orders: list[Wanted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.on_hand, self.booked = dict.fromkeys(self.cost, 0), dict.fromkeys(self.cost, 0)

    def queue(self) -> list[Wanted]:
        """The open orders, in the order of the queue."""
        return sorted((order for order in self.orders if order.is_open), key=lambda order: order.place)

    def open_lines(self, sku: str) -> list[Line]:
        """The lines of open orders on an item."""
        return [line for order in self.orders if order.is_open for line in order.lines if line.sku == sku]

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
        """A new order takes what is free where nobody waits for parts, line by line."""
        wanted = Wanted(order, [])
        self.orders.append(wanted)
        for sku, quantity in order.wants:
            is_waited_for = any(one.needs[sku] for one in self.orders if one.is_open and not one.waits_whole)
            free = 0 if is_waited_for else self.free(sku)
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

    def serve(self, skus: Iterable[str], *, but: Wanted | None = None) -> list[str]:
        """Give what is free to those who wait, strictly in turn; `but` is an order that gets nothing."""
        done, given = [], set(skus)
        for order in self.queue():
            needs = order.needs
            if order is but or not given & set(needs):
                continue
            if order.waits_whole:
                takes = set(needs) if all(self.free(sku) >= units for sku, units in needs.items()) else set()
            else:
                takes = given
            for line in order.lines:
                line.held += min(line.missing, self.free(line.sku)) if line.sku in takes else 0
            done += [order.order.order_id] if order.is_complete else []
        return done

    def released(self, wanted: Wanted) -> None:
        """An operator lets a waiting order give back what it holds; from now on it waits for all of it."""
        wanted.waits_whole = True
        for line in wanted.lines:
            line.held = 0
        self.serve({line.sku for line in wanted.lines}, but=wanted)

    def closed(self, wanted: Wanted) -> None:
        """What remains of an order is cancelled, and the next in line get what it held."""
        for line in wanted.lines:
            line.held, line.cancelled = 0, line.quantity - line.shipped
        self.serve({line.sku for line in wanted.lines})

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
