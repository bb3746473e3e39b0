"""The rows of due work: set and cleared by decisions, claimed with SKIP LOCKED under a lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.database import delete_rows, upsert_rows
from chassis.envelope import Cause
from chassis.tables import timer
from chassis.world import Timer

LEASE_SECONDS = 30
_CLAIMED = ("kind", "key", "due_time", "attempt")


def save(connection: sa.Connection, timers: Iterable[tuple[Timer, Cause]]) -> None:
    """Set the timers that have a due time, with what caused them; clear the others."""
    wanted = sorted(timers, key=lambda item: (item[0].kind, item[0].key))
    upsert_rows(connection, timer, [_row(t, cause) for t, cause in wanted if t.due_time is not None])
    delete_rows(connection, timer, [{"kind": t.kind, "key": t.key} for t, _cause in wanted if t.due_time is None])


def _row(t: Timer, cause: Cause) -> dict[str, Any]:
    return {
        "kind": t.kind,
        "key": t.key,
        "due_time": t.due_time,
        "attempt": t.attempt,
        "lease_time": None,
        "correlation_id": cause.correlation_id,
        "causation_id": cause.causation_id,
        "traceparent": cause.traceparent,
    }


def remove_claimed(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> None:
    """Clear timers that were worked, but for those that somebody has moved meanwhile."""
    delete_rows(connection, timer, [{name: getattr(row, name) for name in _CLAIMED} for row in rows])


def claim(connection: sa.Connection, kinds: Iterable[str], now: datetime, limit: int) -> list[sa.Row[Any]]:
    """Lease timers of these kinds that are due, oldest first. The lease runs by the database's clock, whatever `now` is."""
    free = sa.or_(timer.c.lease_time.is_(None), timer.c.lease_time < sa.func.now())
    due = (
        sa.select(timer.c.kind, timer.c.key)
        .where(timer.c.due_time <= now, timer.c.kind.in_(list(kinds)), free)
        .order_by(timer.c.due_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        sa.update(timer)
        .values(lease_time=sa.func.now() + sa.text(f"interval '{LEASE_SECONDS} seconds'"))
        .where(timer.c.kind == due.c.kind, timer.c.key == due.c.key)
        .returning(timer)
    )
    return sorted(connection.execute(statement), key=lambda row: row.due_time)
