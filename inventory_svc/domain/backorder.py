"""The queue of orders that wait for stock: strict head of line per SKU, nobody overtakes, nobody starves (ADR 0022)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from inventory_svc.domain.reservation import Line, Reservation
from inventory_svc.domain.stock import StockItem

Stock = dict[str, StockItem]


class Queue:
    """Names a SKU's queue among the keys of a message: every order that waits for the SKU is loaded and locked."""


class Place:
    """Names an order whose place in its queues a message may change; it is loaded and locked."""


class Hold:
    """Names an order whose held stock a message may give to others: its SKUs and their queues are loaded with it."""


class Waiting(Protocol):
    """Who waits, and the stock beside that which is being given away."""

    def orders(self, skus: Collection[str]) -> Iterable[Reservation]:
        """Return everyone who waits for one of these SKUs, in queue order."""
        ...

    def item(self, sku: str) -> StockItem | None:
        """Return an item that an order which takes all or nothing needs too."""
        ...


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk of the queue changed: the items, who was served, and who of these misses nothing any more, in queue order."""

    stock: Stock
    served: tuple[Reservation, ...]
    completed: tuple[Reservation, ...]


def join(reservation: Reservation, stock: Mapping[str, StockItem], at: datetime) -> tuple[Reservation, Stock]:
    """Let a new order take what is free, at the tail of each queue. `stock` has every SKU it names."""
    after, lines = dict(stock), []
    for line in reservation.lines:
        item = after[line.sku]
        taken = min(line.missing, item.free_for_newcomers)
        lines.append(line.took(taken, at))
        after[line.sku] = item.joined(taken=taken, missing=line.missing - taken)
    return replace(reservation, lines=tuple(lines)), after


def leave(reservation: Reservation, stock: Mapping[str, StockItem]) -> tuple[tuple[Line, ...], Stock]:
    """Let an order give back what it holds and stop waiting. Returns the lines that held something, and the stock."""
    if not reservation.is_open:
        return (), dict(stock)
    after = dict(stock)
    for line in reservation.lines:
        after[line.sku] = _left(reservation, after[line.sku], held=line.held, missing=line.missing)
    return reservation.holds, after


def _left(reservation: Reservation, item: StockItem, *, held: int, missing: int) -> StockItem:
    """Let a line of an order give back units it holds, and wait no more for units it misses."""
    if reservation.waits_whole and not reservation.is_complete:
        return item.left_whole(missing)
    return item.left(held=held, missing=missing)


def give_up(reservation: Reservation, stock: Mapping[str, StockItem]) -> tuple[Reservation, tuple[Line, ...], Stock]:
    """Let an order give up the lines that were cancelled. `stock` has every SKU they name.

    Returns the reservation, the lines that gave something back (it is what they hold here), and the stock.
    """
    after, given_back = dict(stock), []
    closed = reservation.gave_up()
    for line, rest in zip(reservation.lines, closed.lines, strict=True):
        if rest != line:
            held = line.held - rest.held
            after[line.sku] = _left(reservation, after[line.sku], held=held, missing=line.missing - rest.missing)
            given_back += [replace(line, held=held)] if held else []
    return closed, tuple(given_back), after


def release_held(reservation: Reservation, stock: Mapping[str, StockItem]) -> Stock:
    """Let a waiting order give back what it holds and wait for all it needs. `stock` has every SKU it names."""
    after = dict(stock)
    for line in reservation.lines:
        after[line.sku] = after[line.sku].gave_back(held=line.held, missing=line.missing)
    return after


def walk(stock: Mapping[str, StockItem], waiting: Waiting, at: datetime) -> Walk:
    """Give free stock to those who wait, in queue order: each line min(missing, available).

    An order that takes all or nothing gets all its lines, of whatever SKUs, if that completes it, and is passed over if not.
    The queue is asked only if there is something to give, and read only as far as that lasts. Other orders' lines on other
    SKUs are left alone.
    """
    wanted = {sku for sku, item in stock.items() if item.available and item.backordered}
    gift, served = _Gift.of(stock), []
    for reservation in waiting.orders(wanted) if wanted else ():
        now = gift.complete(reservation, waiting, at) if reservation.waits_whole else gift.serve(reservation, at)
        if now is not reservation:
            served.append(now)
        if not any(gift.free[sku] for sku in wanted):
            break
    return Walk(gift.rest, tuple(served), tuple(reservation for reservation in served if reservation.is_complete))


@dataclass(frozen=True, slots=True)
class _Gift:
    """Stock that is being given away: the units of each SKU that are free by now, and the items but for what lines got."""

    free: dict[str, int]
    stock: Stock

    @classmethod
    def of(cls, stock: Mapping[str, StockItem]) -> _Gift:
        return cls({sku: item.available for sku, item in stock.items()}, dict(stock))

    @property
    def rest(self) -> Stock:
        """The items as they are when everybody has taken: one change an item, however many lines there were."""
        return {sku: item.served(item.available - self.free[sku]) for sku, item in self.stock.items()}

    def serve(self, reservation: Reservation, at: datetime) -> Reservation:
        """Give each line what is free of its SKU."""
        lines = tuple(self._serve_line(line, at) for line in reservation.lines)
        return reservation if lines == reservation.lines else replace(reservation, lines=lines)

    def _serve_line(self, line: Line, at: datetime) -> Line:
        units = min(line.missing, self.free.get(line.sku, 0))
        if units:
            self.free[line.sku] -= units
        return line.took(units, at)

    def complete(self, reservation: Reservation, waiting: Waiting, at: datetime) -> Reservation:
        """Give an order all it misses, or nothing."""
        free: dict[str, int] = {}
        after: Stock = {}
        for sku, units in reservation.needs.items():
            item = self.stock.get(sku) or waiting.item(sku)
            if item is None or self.free.get(sku, item.available) < units:
                return reservation
            free[sku] = self.free.get(sku, item.available) - units
            after[sku] = item.served_whole(units)
        self.free.update(free)
        self.stock.update(after)
        return replace(reservation, lines=tuple(line.took(line.missing, at) for line in reservation.lines))


def changed(before: Mapping[str, StockItem], after: Mapping[str, StockItem]) -> tuple[StockItem, ...]:
    """Return the items that are not what they were."""
    return tuple(item for sku, item in sorted(after.items()) if item != before.get(sku))
