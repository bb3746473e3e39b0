"""When announced stock should complete those who wait: the walks of the queue that its receipts will do, in advance.

Nothing else is foreseen: no order that comes, none that is cancelled, no delivery that is late or short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from inventory_svc.domain.reservation import Line
from inventory_svc.domain.stock import StockItem


@dataclass(frozen=True, slots=True)
class Arrival:
    """Units by SKU that come together at a time."""

    time: datetime
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Demand:
    """Units by SKU that somebody waits for, or several in a row; `is_whole`: takes all at once or nothing."""

    units: Mapping[str, int]
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is free by SKU, who waits in queue order, and what should come, the earliest first."""

    free: Mapping[str, int] = field(default_factory=dict)
    queue: tuple[Demand, ...] = ()
    arrivals: tuple[Arrival, ...] = ()

    def in_parts(self, sku: str) -> int:
        """Units of an item that those of the queue wait for who take what comes."""
        return sum(demand.units.get(sku, 0) for demand in self.queue if not demand.is_whole)


NO_OUTLOOK = Outlook()


def foresee(outlook: Outlook, tail: Iterable[Demand] = ()) -> list[datetime | None]:
    """Return when each of the queue and then of the tail behind it is complete; None where not enough is announced."""
    free = dict(outlook.free)
    waits = [(place, demand.is_whole, dict(demand.units)) for place, demand in enumerate((*outlook.queue, *tail))]
    times: list[datetime | None] = [None] * len(waits)
    for arrival in outlook.arrivals:
        for sku, units in arrival.units.items():
            free[sku] = free.get(sku, 0) + units
        left = []
        for place, is_whole, needs in waits:
            if _serve(needs, free, is_whole=is_whole):
                times[place] = arrival.time
            else:
                left.append((place, is_whole, needs))
        waits = left
    return times


def _serve(needs: dict[str, int], free: dict[str, int], *, is_whole: bool) -> bool:
    """Give what is free, or of an order that takes all or nothing all it needs; whether it is complete. Changes both."""
    if is_whole and any(free.get(sku, 0) < units for sku, units in needs.items()):
        return False
    for sku, units in needs.items():
        taken = min(units, free.get(sku, 0))
        needs[sku] -= taken
        free[sku] = free.get(sku, 0) - taken
    return not any(needs.values())


def foresee_new(outlook: Outlook, lines: Sequence[Line], stock: Mapping[str, StockItem]) -> dict[int, datetime]:
    """Return when the lines of an order that has just joined the end of its queues should be complete, by line number.

    `stock` are its items with the order's lines in them; `outlook` may leave out those who take what comes.
    """
    if not outlook.arrivals or not any(line.missing for line in lines):
        return {}
    own: dict[str, int] = {}
    for line in lines:
        own[line.sku] = own.get(line.sku, 0) + line.missing
    ahead = {sku: stock[sku].backordered_in_parts - units - outlook.in_parts(sku) for sku, units in own.items()}
    blocks = tuple(Demand({sku: units}) for sku, units in ahead.items() if units > 0)
    free = {**outlook.free, **{sku: stock[sku].available for sku in own}}
    tail = [Demand({line.sku: line.missing}) for line in lines if line.missing]
    times = foresee(replace(outlook, free=free, queue=outlook.queue + blocks), tail)[-len(tail) :]
    numbers = [line.line_number for line in lines if line.missing]
    return {number: time for number, time in zip(numbers, times, strict=True) if time is not None}


def coupled(skus: Iterable[str], whole: Sequence[Demand]) -> set[str]:
    """Return these SKUs, and all whose stock matters to them because some order takes all or nothing of several."""
    found, grew = set(skus), True
    while grew:
        reached = {sku for demand in whole if not found.isdisjoint(demand.units) for sku in demand.units}
        grew = not reached <= found
        found |= reached
    return found
