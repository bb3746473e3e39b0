"""The queue of orders that wait for stock: strict head of line per SKU, nobody overtakes, nobody starves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from inventory_svc.domain.reservation import Line, Reservation
from inventory_svc.domain.stock import StockItem

Stock = dict[str, StockItem]


class Queue:
    """Names a SKU's queue among the keys of a message: every order that waits for the SKU is loaded and locked."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk of the queue changed; `served` in queue order."""

    stock: Stock
    served: tuple[Reservation, ...]

    @property
    def completed(self) -> tuple[Reservation, ...]:
        """The orders that miss nothing any more, in queue order."""
        return tuple(reservation for reservation in self.served if reservation.is_complete)


def join(reservation: Reservation, stock: Mapping[str, StockItem]) -> tuple[Reservation, Stock]:
    """Let a new order take what is free, at the tail of each queue. `stock` has every SKU it names."""
    after, lines = dict(stock), []
    for line in reservation.lines:
        item = after[line.sku]
        taken = min(line.missing, item.free_for_newcomers)
        lines.append(line.took(taken))
        after[line.sku] = item.joined(taken=taken, missing=line.missing - taken)
    return replace(reservation, lines=tuple(lines)), after


def leave(reservation: Reservation, stock: Mapping[str, StockItem]) -> tuple[tuple[Line, ...], Stock]:
    """Let an order give back what it holds and stop waiting. Returns the lines that held something, and the stock."""
    if not reservation.is_open:
        return (), dict(stock)
    after = dict(stock)
    for line in reservation.lines:
        after[line.sku] = after[line.sku].left(held=line.held, missing=line.missing)
    return tuple(line for line in reservation.lines if line.held), after


def give_up(reservation: Reservation, stock: Mapping[str, StockItem]) -> tuple[Reservation, tuple[Line, ...], Stock]:
    """Let an order give up the lines that were cancelled. `stock` has every SKU they name.

    Returns the reservation, the lines that gave something back (it is what they hold here), and the stock.
    """
    after, given_back = dict(stock), []
    closed = reservation.gave_up()
    for line, rest in zip(reservation.lines, closed.lines, strict=True):
        if rest != line:
            held = line.held - rest.held
            after[line.sku] = after[line.sku].left(held=held, missing=line.missing - rest.missing)
            given_back += [replace(line, held=held)] if held else []
    return closed, tuple(given_back), after


def walk(stock: Mapping[str, StockItem], queue: Callable[[Collection[str]], Iterable[Reservation]]) -> Walk:
    """Give free stock to those who wait, in queue order: each line min(missing, available).

    `queue` returns everyone who waits for one of the SKUs it is given, in queue order; it is asked only if there is
    something to give, and read only as far as that lasts. Lines on other SKUs are left alone.
    """
    wanted = {sku for sku, item in stock.items() if item.available and item.backordered}
    after, served = dict(stock), []
    for reservation in queue(wanted) if wanted else ():
        lines = tuple(_serve(line, after) for line in reservation.lines)
        if lines != reservation.lines:
            served.append(replace(reservation, lines=lines))
        if not any(after[sku].available for sku in wanted):
            break
    return Walk(after, tuple(served))


def _serve(line: Line, stock: Stock) -> Line:
    """Give one line what is free of its SKU; the stock is changed in place."""
    item = stock.get(line.sku)
    if item is None:
        return line
    units = min(line.missing, item.available)
    stock[line.sku] = item.served(units)
    return line.took(units)


def changed(before: Mapping[str, StockItem], after: Mapping[str, StockItem]) -> tuple[StockItem, ...]:
    """Return the items that are not what they were."""
    return tuple(item for sku, item in sorted(after.items()) if item != before[sku])
