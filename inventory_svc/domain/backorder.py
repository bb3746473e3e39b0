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
    """What a walk of the queue changed; `served` in queue order."""

    stock: Stock
    served: tuple[Reservation, ...]

    @property
    def completed(self) -> tuple[Reservation, ...]:
        """The orders that miss nothing any more, in queue order."""
        return tuple(reservation for reservation in self.served if reservation.is_complete)


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
    after, served = dict(stock), []
    for reservation in waiting.orders(wanted) if wanted else ():
        now = _complete(reservation, after, waiting, at) if reservation.waits_whole else _serve(reservation, after, at)
        if now is not reservation:
            served.append(now)
        if not any(after[sku].available for sku in wanted):
            break
    return Walk(after, tuple(served))


def _serve(reservation: Reservation, stock: Stock, at: datetime) -> Reservation:
    """Give each line what is free of its SKU; the stock is changed in place."""
    lines = tuple(_serve_line(line, stock, at) for line in reservation.lines)
    return reservation if lines == reservation.lines else replace(reservation, lines=lines)


def _serve_line(line: Line, stock: Stock, at: datetime) -> Line:
    item = stock.get(line.sku)
    if item is None:
        return line
    units = min(line.missing, item.available)
    stock[line.sku] = item.served(units)
    return line.took(units, at)


def _complete(reservation: Reservation, stock: Stock, waiting: Waiting, at: datetime) -> Reservation:
    """Give an order all it misses, or nothing; the stock is changed in place."""
    after: Stock = {}
    for sku, units in reservation.needs.items():
        item = stock.get(sku) or waiting.item(sku)
        if item is None or item.available < units:
            return reservation
        after[sku] = item.served_whole(units)
    stock.update(after)
    return replace(reservation, lines=tuple(line.took(line.missing, at) for line in reservation.lines))


def changed(before: Mapping[str, StockItem], after: Mapping[str, StockItem]) -> tuple[StockItem, ...]:
    """Return the items that are not what they were."""
    return tuple(item for sku, item in sorted(after.items()) if item != before.get(sku))
