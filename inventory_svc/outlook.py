"""Reads, without a lock, who waits ahead of whom and what should come: what `domain/expectation.py` foresees from.

A queue may be long and is not read line by line: those who take what comes are summed up between the places that matter,
which are the lines somebody asks about and the orders that take all or nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.world import World
from inventory_svc import announcements
from inventory_svc.domain.expectation import Demand, Outlook, coupled
from inventory_svc.domain.stock import StockItem

Place = tuple[int, datetime, str]
LineKey = tuple[str, int]
Uuid = pg.UUID(as_uuid=False)
END: Place = (1, datetime(1970, 1, 1, tzinfo=UTC), "00000000-0000-0000-0000-000000000000")
"""Behind everybody: nobody's priority is below 0."""
OUTLOOK = "outlook"
"""The name of the outlook among the facts beside a world."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A waiting line that matters: `upto` are the units of those who take what comes, up to and with it; `position` from 1."""

    order_id: str
    line_number: int
    sku: str
    place: Place
    waiting: int
    is_whole: bool
    upto: int
    position: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """The places that matter in some queues, and what should come for them. `keys` name the lines of each of its queue."""

    marks: Mapping[LineKey, Mark]
    outlook: Outlook
    keys: tuple[tuple[LineKey, ...], ...]


class QueueReader:
    """Reads the queues that are kept in these two tables."""

    def __init__(self, item: sa.Table, line: sa.Table) -> None:
        self._item = item.c
        self._line = line

    def lines(self, connection: sa.Connection, wanted: Mapping[LineKey, tuple[str, Place]]) -> Ahead:
        """Read what is ahead of waiting lines, given with their SKU and place."""
        reach: dict[str, Place] = {}
        for sku, place in wanted.values():
            reach[sku] = max(reach.get(sku, place), place)
        whole = self._whole(connection)
        skus = coupled(reach, whole)
        entangled = _entangled(skus, whole)
        marks = self._marks(connection, reach | dict.fromkeys(entangled, END), {order_id for order_id, _ in wanted})
        return self._ahead(connection, skus, marks, entangled)

    def expected(self, connection: sa.Connection, world: World, skus: Collection[str]) -> Outlook:
        """Read what new orders of a batch may expect; a queue matters only where somebody takes all or nothing."""
        if any(item is not None and item.backordered_whole for item in (world.find(StockItem, sku) for sku in skus)):
            return self.tail(connection, skus)
        return Outlook(arrivals=announcements.arrivals(connection, skus))

    def tail(self, connection: sa.Connection, skus: Collection[str]) -> Outlook:
        """Read what matters to a new order at the end of these queues; plain ones among them may be left out."""
        whole = self._whole(connection)
        wanted = coupled(skus, whole)
        entangled = _entangled(wanted, whole)
        marks = self._marks(connection, dict.fromkeys(entangled, END), set())
        return self._ahead(connection, wanted, marks, entangled).outlook

    def _items(self, skus: Collection[str]) -> sa.Select[Any]:
        item = self._item
        free, in_parts = item.on_hand - item.reserved, item.backordered - item.backordered_whole
        columns = (item.sku, free.label("free"), in_parts.label("in_parts"))
        return sa.select(*columns).where(item.sku == _any(skus, sa.Text())).order_by(item.sku)

    def _whole(self, connection: sa.Connection) -> list[Demand]:
        """Return what those miss who take all or nothing; there are as many as operators made."""
        line = self._line.c
        statement = sa.select(line.order_id, line.sku, line.waiting).where(line.is_whole, line.waiting > 0)
        units: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in connection.execute(statement):
            units[row.order_id][row.sku] += row.waiting
        return [Demand(needs, is_whole=True) for needs in units.values()]

    def _marks(self, connection: sa.Connection, reach: Mapping[str, Place], order_ids: set[str]) -> list[Mark]:
        """Return the lines of these orders and of all whole ones, in queue order, up to a place by SKU."""
        if not reach:
            return []
        rows = connection.execute(_marked(self._line, reach, order_ids))
        return [_mark(row) for row in rows]

    def _ahead(self, connection: sa.Connection, skus: Collection[str], marks: list[Mark], entangled: set[str]) -> Ahead:
        """Put together what is known; in entangled queues those count too who stand behind the last mark."""
        items = connection.execute(self._items(skus)).all()
        demands = list(_demands(marks))
        known = Outlook(queue=tuple(demand for demand, _ in demands))
        behind = {item.sku: item.in_parts - known.in_parts(item.sku) for item in items if item.sku in entangled}
        demands += [(Demand({sku: units}), ()) for sku, units in behind.items() if units]
        free = {item.sku: item.free for item in items}
        outlook = Outlook(free, tuple(demand for demand, _ in demands), announcements.arrivals(connection, skus))
        by_key = {(mark.order_id, mark.line_number): mark for mark in marks}
        return Ahead(by_key, outlook, tuple(keys for _, keys in demands))


def _entangled(skus: set[str], whole: Sequence[Demand]) -> set[str]:
    """Return those of these SKUs that somebody waits for who takes all or nothing.

    He is passed over, so that those behind him decide, too, when he is complete.
    """
    return {sku for demand in whole for sku in demand.units if sku in skus}


def _mark(row: Any) -> Mark:
    place = (row.turn, row.place_time, row.order_id)
    return Mark(row.order_id, row.line_number, row.sku, place, row.waiting, row.is_whole, int(row.upto), row.position)


def _any(values: Iterable[str], kind: sa.types.TypeEngine[Any]) -> sa.CollectionAggregate[Any]:
    return sa.any_(sa.bindparam(None, sorted(values), type_=pg.ARRAY(kind), unique=True))


def _marked(table: sa.Table, reach: Mapping[str, Place], order_ids: set[str]) -> sa.Select[Any]:
    """Number and sum up each queue as far as it matters, and keep of it the places that matter."""
    line = table.c
    place = (line.turn, line.place_time, line.order_id)
    columns = [sa.column(name, line[name].type) for name in ("sku", "turn", "place_time", "order_id")]
    until = sa.values(*columns, name="until").data([(sku, *end) for sku, end in sorted(reach.items())])
    ahead = sa.tuple_(*place) <= sa.tuple_(until.c.turn, until.c.place_time, until.c.order_id)
    estimated = sa.or_(line.turn < until.c.turn, line.place_time <= until.c.place_time)  # follows; the planner cannot see it
    in_order = (*place, line.line_number)
    upto = sa.func.coalesce(sa.func.sum(line.waiting).filter(~line.is_whole).over(order_by=in_order), 0).label("upto")
    position = sa.func.row_number().over(order_by=in_order).label("position")
    numbered = (
        sa.select(*place, line.line_number, line.sku, line.waiting, line.is_whole, upto, position)
        .where(line.sku == until.c.sku, line.waiting > 0, ahead, estimated)
        .lateral("numbered")
    )
    return (
        sa.select(numbered)
        .select_from(until.join(numbered, sa.true()))
        .where(sa.or_(numbered.c.is_whole, numbered.c.order_id == _any(order_ids, Uuid)))
        .order_by(numbered.c.turn, numbered.c.place_time, numbered.c.order_id, numbered.c.line_number)
    )


def _demands(marks: Iterable[Mark]) -> Iterator[tuple[Demand, tuple[LineKey, ...]]]:
    """Make of marks in queue order the demands up to each of them, with the lines that each of these completes."""
    given: dict[str, int] = defaultdict(int)
    for _, group in groupby(marks, key=lambda mark: mark.place):
        order = list(group)
        for mark in order:
            units = mark.upto - given[mark.sku]
            given[mark.sku] += units
            if units:
                yield Demand({mark.sku: units}), () if mark.is_whole else ((mark.order_id, mark.line_number),)
        if order[0].is_whole:
            needs: dict[str, int] = defaultdict(int)
            for mark in order:
                needs[mark.sku] += mark.waiting
            yield Demand(dict(needs), is_whole=True), tuple((mark.order_id, mark.line_number) for mark in order)
