"""Messages to the merchant, written in the transaction of the fact they tell, and what became of each."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deploy.sandbox_psp.database import Transaction, new_id
from deploy.sandbox_psp.errors import Refusal
from deploy.sandbox_psp.messages import Message, body_of


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to deliver the message of this number: the HTTP status it ended with, None when nobody answered."""

    number: int
    status: int | None


def tell(transaction: Transaction, kind: str, data: dict[str, Any], *, now: float, copies: int = 1) -> None:
    """Keep a message about what happens at `now`, to be delivered `copies` times; nothing where nobody is to be told."""
    if not transaction.keeps_webhooks:
        return
    transaction.db.execute(
        "INSERT INTO message (message_id, type, body, wanted, begin_time, next_try_time) VALUES (?, ?, ?, ?, ?, ?)",
        (new_id("msg"), kind, body_of(kind, data, now), copies, now, now),
    )


def due_messages(db: sqlite3.Connection, *, now: float, limit: int) -> list[Message]:
    """Return messages whose time has come, the longest waiting first."""
    query = "SELECT * FROM message WHERE next_try_time <= ? ORDER BY next_try_time, number LIMIT ?"
    return [to_message(row) for row in db.execute(query, (now, limit))]


def next_time(db: sqlite3.Connection) -> float:
    """Return when the next message is due, infinity when none waits; those that are under way count."""
    earliest = db.execute("SELECT min(next_try_time) FROM message WHERE next_try_time IS NOT NULL").fetchone()[0]
    return math.inf if earliest is None else float(earliest)


def record(db: sqlite3.Connection, attempts: Iterable[Attempt], *, now: float) -> None:
    """Keep what became of tries."""
    for attempt in attempts:
        row = db.execute("SELECT * FROM message WHERE number = ?", (attempt.number,)).fetchone()
        _update(db, to_message(row).after(attempt.status, now))


def resend(db: sqlite3.Connection, message_id: str, *, now: float) -> Message:
    """Make a message due once more, or refuse where there is none."""
    row = db.execute("SELECT * FROM message WHERE message_id = ?", (message_id,)).fetchone()
    if row is None:
        raise Refusal("webhook_not_found")
    message = to_message(row).resent(now)
    _update(db, message)
    return message


def to_message(row: sqlite3.Row) -> Message:
    """Read a row of the table message."""
    return Message(
        *(row["number"], row["message_id"], row["type"], row["body"]),
        *(row["wanted"], row["delivered"], row["tries"], row["failures"], row["status"]),
        *(row["begin_time"], row["next_try_time"]),
    )


def _update(db: sqlite3.Connection, message: Message) -> None:
    db.execute(
        "UPDATE message SET wanted = ?, delivered = ?, tries = ?, failures = ?, status = ?, begin_time = ?,"
        " next_try_time = ? WHERE number = ?",
        (
            *(message.wanted, message.delivered, message.tries, message.failures, message.status),
            *(message.begin_time, message.next_try_time, message.number),
        ),
    )
