"""What is still to come, on disk: it happens in the order of its time, before anything else is looked at."""

from __future__ import annotations

import math
import sqlite3
from enum import StrEnum


class Cause(StrEnum):
    """What happens when its time has come."""

    ARRIVAL = "ARRIVAL"
    SETTLEMENT = "SETTLEMENT"
    WRONG_REPORT = "WRONG_REPORT"
    REFUND_SETTLEMENT = "REFUND_SETTLEMENT"


def schedule(db: sqlite3.Connection, cause: Cause, key: str, due_time: float) -> None:
    """Let something happen to what is under `key` at a time."""
    db.execute("INSERT INTO to_come (cause, key, due_time) VALUES (?, ?, ?)", (cause, key, due_time))


def take_due(db: sqlite3.Connection, now: float) -> tuple[Cause, str, float] | None:
    """Remove and return what should have happened first by `now`: cause, key and time; None when there is nothing."""
    row = db.execute(
        "DELETE FROM to_come WHERE number ="
        " (SELECT number FROM to_come WHERE due_time <= ? ORDER BY due_time, number LIMIT 1) RETURNING cause, key, due_time",
        (now,),
    ).fetchone()
    return (Cause(row["cause"]), row["key"], row["due_time"]) if row else None


def next_time(db: sqlite3.Connection) -> float:
    """Return when the next of it happens, infinity when there is nothing."""
    earliest = db.execute("SELECT min(due_time) FROM to_come").fetchone()[0]
    return math.inf if earliest is None else float(earliest)
