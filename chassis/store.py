"""Loads the world of a batch with one locked select per table, and saves what differs with one statement per table."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from chassis.database import insert_rows, one_of, sqlstate, update_rows, upsert_rows
from chassis.errors import Conflict
from chassis.world import Aggregate, Keys, Row, World

A = TypeVar("A", bound=Aggregate)
Columns = dict[str, Any]
Read = sa.Row[Any]
UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True, slots=True)
class Child(Generic[A]):
    """Rows that belong to an aggregate: loaded with it, written with it. `parent` is the column with the aggregate's key."""

    table: sa.Table
    parent: str
    to_columns: Callable[[A], list[Columns]]


@dataclass(frozen=True, slots=True)
class Mapping(Generic[A]):
    """How one kind of aggregate is kept.

    `table` has the key column and `tables.aggregate_columns()`; `from_columns(row, children)` rebuilds the aggregate,
    where `children` is a list of rows for each child, in order. `is_stream` says that events are numbered by its row.
    """

    kind: type[A]
    table: sa.Table
    key: str
    to_columns: Callable[[A], Columns]
    from_columns: Callable[[Any, list[list[Any]]], A]
    children: tuple[Child[A], ...] = ()
    is_stream: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """What an aggregate was read from: its row, and the rows of each child."""

    row: Read
    families: list[list[Any]]


class Store:
    """The store of one service. Kinds are loaded, locked and saved in the order of `mappings`: that is the lock order."""

    def __init__(self, *mappings: Mapping[Any]) -> None:
        self.mappings = mappings
        self._stream_kinds = frozenset(m.kind for m in mappings if m.is_stream)

    def load(self, connection: sa.Connection, keys: Keys) -> World:
        """Lock and load what the keys name; an absent one is simply not there."""
        world = World(stream_kinds=self._stream_kinds)
        for mapping in self.mappings:
            wanted = sorted(key for kind, key in keys if kind is mapping.kind)
            if wanted:
                self.load_kind(connection, world, mapping, wanted)
        return world

    def load_kind(self, connection: sa.Connection, world: World, mapping: Mapping[Any], wanted: Sequence[str]) -> None:
        """Lock and load aggregates of one kind into the world, by ascending key."""
        rows = connection.execute(_locked(mapping.table, mapping.key), {"wanted": list(wanted)}).all()
        found = [getattr(row, mapping.key) for row in rows]
        families = [self._load_children(connection, child, found) for child in mapping.children]
        for row in rows:
            mine = [family[getattr(row, mapping.key)] for family in families]
            world.add(
                Row(
                    mapping.from_columns(row, mine),
                    version=row.version,
                    stream_sequence=row.stream_sequence,
                    create_time=row.create_time,
                    update_time=row.update_time,
                    stored=True,
                    origin=Origin(row, mine),
                )
            )

    @staticmethod
    def _load_children(connection: sa.Connection, child: Child[Any], parents: Sequence[str]) -> dict[str, list[Any]]:
        result: dict[str, list[Any]] = defaultdict(list)
        if parents:
            for row in connection.execute(_parts(child.table, child.parent), {"wanted": list(parents)}):
                result[getattr(row, child.parent)].append(row)
        return result

    def save(self, connection: sa.Connection, world: World) -> None:
        """Write what changed. A new row that someone else made meanwhile is a Conflict: the whole unit is tried again."""
        for mapping in self.mappings:
            rows = world.changed(mapping.kind)
            if not rows:
                continue
            try:
                insert_rows(connection, mapping.table, [_columns(mapping, row) for row in rows if not row.stored])
            except sa.exc.IntegrityError as error:
                if sqlstate(error) == UNIQUE_VIOLATION:
                    raise Conflict(mapping.table.name) from error
                raise
            stored = [(_columns(mapping, row), row.origin.row) for row in rows if row.stored]
            update_rows(connection, mapping.table, _differing(mapping.table, stored))
            for number, child in enumerate(mapping.children):
                self._save_parts(connection, child, [pair for row in rows for pair in _parts_of(child, number, row)])

    @staticmethod
    def _save_parts(connection: sa.Connection, child: Child[Any], parts: Sequence[tuple[Columns, Read | None]]) -> None:
        """Write what is new or not known of a child, and of its rows that were read what differs."""
        upsert_rows(connection, child.table, [part for part, read in parts if read is None])
        known = [(part, read) for part, read in parts if read is not None and _differ(part, read)]
        update_rows(connection, child.table, _differing(child.table, known))


@functools.cache
def _locked(table: sa.Table, key: str) -> sa.Select[Any]:
    return _among(table, key).order_by(table.c[key]).with_for_update()


@functools.cache
def _parts(table: sa.Table, parent: str) -> sa.Select[Any]:
    return _among(table, parent).order_by(*table.primary_key)


def _among(table: sa.Table, name: str) -> sa.Select[Any]:
    return sa.select(table).where(one_of(table.c[name], "wanted"))


def _columns(mapping: Mapping[A], row: Row[A]) -> Columns:
    return {
        mapping.key: row.aggregate.key,
        **mapping.to_columns(row.aggregate),
        "version": row.version,
        "stream_sequence": row.stream_sequence,
        "create_time": row.create_time,
        "update_time": row.update_time,
    }


def _parts_of(child: Child[A], number: int, row: Row[A]) -> list[tuple[Columns, Read | None]]:
    """Return the rows of a child as they are to be, each beside what was read of it."""
    written = child.to_columns(row.aggregate)
    if row.origin is None or not written:
        return [(part, None) for part in written]
    keys = [column.name for column in child.table.primary_key]
    read = {tuple(getattr(part, key) for key in keys): part for part in row.origin.families[number]}
    return [(part, read.get(tuple(part[key] for key in keys))) for part in written]


def _differing(table: sa.Table, rows: Sequence[tuple[Columns, Read]]) -> list[Columns]:
    """Return the keys and the columns in which any of these rows differs from what was read."""
    written, read = [columns for columns, _ in rows], [row for _, row in rows]
    names = [name for name in (written[0] if written else ()) if name in table.primary_key or _any_differs(name, written, read)]
    return [{name: columns[name] for name in names} for columns in written]


def _any_differs(name: str, written: Sequence[Columns], read: Sequence[Read]) -> bool:
    return list(map(itemgetter(name), written)) != list(map(attrgetter(name), read))


def _differ(columns: Columns, read: Read) -> bool:
    return any(getattr(read, name) != value for name, value in columns.items())
