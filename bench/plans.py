"""What PostgreSQL did for a read: which indexes it used, and how many rows it read and sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Node = dict[str, Any]
_WHOLE = ("Seq Scan", "Bitmap Heap Scan")
_SORTS = ("Sort", "Incremental Sort")


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement: the indexes it read in order, the tables it read otherwise, the rows it read and those it sorted."""

    indexes: frozenset[str]
    scans: tuple[str, ...]
    rows_read: int
    rows_sorted: int


def plans_of(connection: sa.Connection, read: Callable[[], object]) -> list[Plan]:
    """Run a read, and then explain each of its statements with the same parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    sa.event.listen(connection, "before_cursor_execute", note)
    read()
    sa.event.remove(connection, "before_cursor_execute", note)
    return [_explain(connection, statement, parameters) for statement, parameters in sent]


def _explain(connection: sa.Connection, statement: str, parameters: Any) -> Plan:
    found = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    nodes = list(_nodes(found[0]["Plan"]))
    return Plan(
        indexes=frozenset(node["Index Name"] for node in nodes if "Index Name" in node),
        scans=tuple(node["Relation Name"] for node in nodes if node["Node Type"] in _WHOLE),
        rows_read=sum(_rows(node) for node in nodes if "Relation Name" in node),
        rows_sorted=sum(_rows(child) for node in nodes if node["Node Type"] in _SORTS for child in node["Plans"]),
    )


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _rows(node: Node) -> int:
    """Return the rows a node looked at, those it threw away included."""
    found: float = node["Actual Rows"]
    thrown_away: float = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    times: int = node["Actual Loops"]
    return round((found + thrown_away) * times)
