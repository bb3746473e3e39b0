"""Finds who waits for stock in what a batch has loaded and decided, in queue order and without looking at everybody.

A batch may walk a long queue many times, so the store sorts each queue once, when it loads it; orders that joined or moved
within the batch are merged in.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from chassis.world import World
from inventory_svc.domain import backorder
from inventory_svc.domain.backorder import Walk
from inventory_svc.domain.reservation import Reservation
from inventory_svc.domain.stock import StockItem

Place = tuple[int, datetime, str]
EXTRA = "backlog"


@dataclass(frozen=True, slots=True)
class Backlog:
    """The queues as they were loaded: by SKU, the places of those who wait; and the orders that may get another place."""

    queues: dict[str, Sequence[Place]] = field(default_factory=dict)
    movable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who waits in a world as it is now, but for one order."""

    world: World
    but: str

    def orders(self, skus: Collection[str]) -> Iterator[Reservation]:
        return (order for order in waiting(self.world, skus) if order.order_id != self.but)

    def item(self, sku: str) -> StockItem | None:
        return self.world.find(StockItem, sku)


def serve(world: World, stock: Mapping[str, StockItem], at: datetime, *, but: str = "") -> Walk:
    """Give what is free of these items, as they are now, to those who wait for it; `but` is an order that gets nothing."""
    return backorder.walk(stock, _Waiting(world, but), at)


def remember(world: World, movable: Collection[str] = ()) -> None:
    """Keep the queues of a world that has just been loaded; `movable` are orders whose place may be changed."""
    queues: dict[str, list[Place]] = {}
    loaded = world.all(Reservation)
    for order in loaded:
        for sku in order.needs:
            queues.setdefault(sku, []).append(order.queue_place)
    may_move = tuple(order.order_id for order in loaded if not order.lines or order.order_id in movable)
    world.extra[EXTRA] = Backlog({sku: sorted(places) for sku, places in queues.items()}, may_move)


def waiting(world: World, skus: Collection[str]) -> Iterator[Reservation]:
    """Return the orders that wait for one of these SKUs as they are now, in queue order, each once."""
    backlog: Backlog = world.extra.get(EXTRA, Backlog())
    joined = sorted(order.queue_place for order in _joined(world, backlog) if order.waits_for(skus))
    last = None
    for place in heapq.merge(joined, *(backlog.queues.get(sku, ()) for sku in sorted(skus))):
        order = world.find(Reservation, place[-1])
        if place != last and order is not None and order.waits_for(skus) and order.queue_place == place:
            yield order
        last = place


def _joined(world: World, backlog: Backlog) -> Iterator[Reservation]:
    """Return the orders that were placed or moved within this batch. What is new in a world stands behind what was loaded."""
    for row in takewhile(lambda row: not row.stored, reversed(world.rows.values())):
        if isinstance(row.aggregate, Reservation):
            yield row.aggregate
    for order_id in backlog.movable:
        order = world.find(Reservation, order_id)
        if order is not None:
            yield order
