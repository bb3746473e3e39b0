"""Rows for tables that nobody has described here: made from what PostgreSQL says of columns, keys, references and checks.

A row that breaks a check or is not unique is changed in the columns that the broken constraint names, until it is taken. The
values to choose from are a few of each type and those that the table's checks mention.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, sql

from tests.chassis.catalog import tables

EACH, TRIES = 2, 2_000
WORDS = {"reason": "RECEIPT"}
"""What a column has always held, though only the check of a later revision says so."""
_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND NOT atthasdef AND attidentity = '' ORDER BY attnum
"""
_CONSTRAINTS = """
    SELECT conname, contype, pg_get_constraintdef(oid), confrelid::regclass::text,
        ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
            JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place),
        ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS key (number, place)
            JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place)
    FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'f', 'p', 'u')
"""
_UNIQUE_INDEX = """
    SELECT ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY(indkey))
    FROM pg_index WHERE indexrelid = %s::regclass
"""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a table; `parent` and `there` are what a reference points to."""

    name: str
    kind: str
    text: str
    parent: str
    columns: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the rows of one table."""

    connection: psycopg.Connection[Any]
    table: str
    columns: dict[str, tuple[str, bool]]
    constraints: tuple[Constraint, ...]
    chance: random.Random

    def make(self, number: int) -> None:
        """Insert the row of this number. AssertionError where no row is taken."""
        row = {name: self._values(name, number)[0] for name in self.columns} | self._references(number)
        for _ in range(TRIES):
            try:
                with self.connection.transaction():
                    self._insert(row)
                return
            except (errors.CheckViolation, errors.UniqueViolation) as broken:
                for name in self._named_by(broken.diag.constraint_name or ""):
                    row[name] = self.chance.choice(self._values(name, number))
        raise AssertionError(f"no row of {self.table} was taken, the last was {row}")

    def _insert(self, row: dict[str, Any]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        places = sql.SQL(", ").join(sql.SQL("%s::") + sql.SQL(self.columns[name][0]) for name in row)
        table = sql.Identifier(self.table)
        self.connection.execute(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(table, names, places), list(row.values()))

    def _named_by(self, broken: str) -> list[str]:
        """Return the columns that a constraint or a unique index names and that may be chosen."""
        named = next((constraint.columns for constraint in self.constraints if constraint.name == broken), ())
        if not named:
            (named,) = self.connection.execute(_UNIQUE_INDEX, [broken]).fetchone() or ((),)
        fixed = {name for constraint in self.constraints if constraint.kind == "f" for name in constraint.columns}
        return [name for name in named if name in self.columns and name not in fixed]

    def _references(self, number: int) -> dict[str, Any]:
        """Point to the row of the same number of each parent."""
        found: dict[str, Any] = {}
        for reference in self.constraints:
            if reference.kind == "f" and reference.parent != self.table:
                there = sql.SQL(", ").join(map(sql.Identifier, reference.there))
                query = sql.SQL("SELECT {} FROM {} ORDER BY 1 OFFSET {} LIMIT 1")
                parent = self.connection.execute(query.format(there, sql.Identifier(reference.parent), number)).fetchone()
                found |= dict(zip(reference.columns, parent or (), strict=True))
        return {name: value for name, value in found.items() if name in self.columns}

    def _values(self, name: str, number: int) -> list[Any]:
        kind, required = self.columns[name]
        checks = [constraint.text for constraint in self.constraints if constraint.kind == "c" and name in constraint.columns]
        return [*_of_type(kind, name, number), *_mentioned(kind, checks), *([] if required else [None])]


def _of_type(kind: str, name: str, number: int) -> list[Any]:
    """Return a few values of a type, first the one that is different for each row."""
    if kind.endswith("[]"):
        return ["{}"]
    values: dict[str, list[Any]] = {
        "text": [WORDS.get(name, f"{name}-{number}"), "EUR", ""],
        "uuid": [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {number} {extra}")) for extra in range(3)],
        "boolean": [False, True],
        "bytea": [bytes([number]) * 32, b""],
        "date": [f"2026-01-0{number + 1}"],
        "jsonb": ["[]", "{}"] if name.endswith("s") else ["{}", "[]"],
    }
    if kind.startswith("timestamp"):
        return [f"2026-01-0{number + 1}T00:00:00Z", "2026-02-01T00:00:00Z"]
    return values.get(kind, [number + 1, 0, 1, 2, 100])


def _mentioned(kind: str, checks: list[str]) -> Iterator[Any]:
    for check in checks:
        yield from re.findall(r"'([^']*)'::text", check) if kind == "text" else ()


def make_rows(url: str) -> None:
    """Put some rows into every table, with the triggers of people (not those of references) switched off meanwhile."""
    with psycopg.connect(url) as connection:
        makers = {name: _maker(connection, name) for name in tables(connection)}
        for name in _parents_first(makers):
            table = sql.Identifier(name)
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
            for number in range(EACH):
                makers[name].make(number)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))


def _maker(connection: psycopg.Connection[Any], table: str) -> Maker:
    columns = {name: (kind, required) for name, kind, required in connection.execute(_COLUMNS, [table])}
    constraints = [
        Constraint(name, kind, text, parent, tuple(here), tuple(there))
        for name, kind, text, parent, here, there in connection.execute(_CONSTRAINTS, [table])
    ]
    return Maker(connection, table, columns, tuple(constraints), random.Random(1))


def _parents_first(makers: dict[str, Maker]) -> Iterator[str]:
    done: set[str] = set()
    while len(done) < len(makers):
        ready = [name for name, maker in makers.items() if name not in done and _parents(maker) <= done]
        assert ready, "tables refer to each other in a circle"
        yield from ready
        done.update(ready)


def _parents(maker: Maker) -> set[str]:
    return {reference.parent for reference in maker.constraints if reference.kind == "f"} - {maker.table}
