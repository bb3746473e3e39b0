"""A floor for any transaction: the rows that it left behind, written again elsewhere by one unnest statement for each table.

Both databases were the same before. New rows are inserted, of the others only what differs is updated: nothing is loaded,
locked, decided or encoded.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from chassis.database import insert_rows, update_rows

Rows = list[dict[str, Any]]


def write_again(ours: sa.Engine, floor: sa.Engine, tables: Sequence[sa.Table]) -> float:
    """Bring `tables` of the floor to what they are in ours, in one transaction; the seconds it took."""
    work = [(table, *_difference(table, _rows(ours, table), _rows(floor, table))) for table in tables]
    started = time.perf_counter()
    with floor.begin() as connection:
        for table, new, changed in work:
            update_rows(connection, table, changed)
            insert_rows(connection, table, new)
    return time.perf_counter() - started


def differing(ours: sa.Engine, floor: sa.Engine, tables: Sequence[sa.Table]) -> int:
    """Count the rows of ours that are not the same on the floor."""
    return sum(len(rows) for table in tables for rows in _difference(table, _rows(ours, table), _rows(floor, table)))


def _rows(database: sa.Engine, table: sa.Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    keys = [column.name for column in table.primary_key]
    with database.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    return {tuple(row[key] for key in keys): row for row in found}


def _difference(
    table: sa.Table, wanted: dict[tuple[Any, ...], dict[str, Any]], there: dict[tuple[Any, ...], dict[str, Any]]
) -> tuple[Rows, Rows]:
    """Return the rows that are missing, and of those that differ the key and the columns in which any of them does."""
    new = [row for key, row in wanted.items() if key not in there]
    other = [(row, there[key]) for key, row in wanted.items() if key in there and there[key] != row]
    keys = {column.name for column in table.primary_key}
    names = [column.name for column in table.columns]
    sent = [name for name in names if name in keys or any(row[name] != old[name] for row, old in other)]
    return new, [{name: row[name] for name in sent} for row, _ in other]
