"""The provider's memory: one SQLite file under --home, committed to disk before anything is answered.

One connection behind a lock: every call is one transaction, so the same key twice at once is one intent.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS intent (
    number INTEGER PRIMARY KEY AUTOINCREMENT, intent_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE,
    minor_units INTEGER, currency_code TEXT, payment_method TEXT, reference TEXT,
    outcome TEXT NOT NULL, decline_kind TEXT, decline_code TEXT,
    create_time REAL NOT NULL, settle_time REAL NOT NULL, cancel_time REAL
) STRICT""",
    """CREATE TABLE IF NOT EXISTS refund (
    number INTEGER PRIMARY KEY AUTOINCREMENT, refund_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE,
    intent_key TEXT NOT NULL REFERENCES intent (key), minor_units INTEGER NOT NULL CHECK (minor_units > 0),
    currency_code TEXT NOT NULL, outcome TEXT NOT NULL, failure_code TEXT, create_time REAL NOT NULL
) STRICT""",
    "CREATE INDEX IF NOT EXISTS refund_intent ON refund (intent_key)",
    "CREATE INDEX IF NOT EXISTS intent_reference ON intent (reference, payment_method)",
    """CREATE TABLE IF NOT EXISTS lost_call (
    key TEXT PRIMARY KEY, minor_units INTEGER NOT NULL, currency_code TEXT NOT NULL,
    payment_method TEXT NOT NULL, reference TEXT NOT NULL
) STRICT""",
    """CREATE TABLE IF NOT EXISTS to_come (
    number INTEGER PRIMARY KEY AUTOINCREMENT, cause TEXT NOT NULL, key TEXT NOT NULL, due_time REAL NOT NULL
) STRICT""",
    "CREATE INDEX IF NOT EXISTS to_come_due ON to_come (due_time, number)",
    """CREATE TABLE IF NOT EXISTS fee (
    number INTEGER PRIMARY KEY AUTOINCREMENT, fee_id TEXT NOT NULL UNIQUE,
    intent_key TEXT NOT NULL UNIQUE REFERENCES intent (key), minor_units INTEGER NOT NULL CHECK (minor_units > 0),
    currency_code TEXT NOT NULL, create_time REAL NOT NULL
) STRICT""",
    """CREATE TABLE IF NOT EXISTS payout (
    number INTEGER PRIMARY KEY AUTOINCREMENT, payout_id TEXT NOT NULL UNIQUE,
    minor_units INTEGER NOT NULL CHECK (minor_units > 0), currency_code TEXT NOT NULL, create_time REAL NOT NULL
) STRICT""",
    """CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, body TEXT NOT NULL,
    wanted INTEGER NOT NULL, delivered INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, status INTEGER, begin_time REAL NOT NULL, next_try_time REAL
) STRICT""",
    "CREATE INDEX IF NOT EXISTS message_due ON message (next_try_time, number) WHERE next_try_time IS NOT NULL",
)
_LATER_COLUMNS: Final = (
    ("intent", "received_minor_units", "INTEGER"),
    ("intent", "received_currency_code", "TEXT"),
    ("refund", "tries", "INTEGER NOT NULL DEFAULT 1"),
    ("refund", "settle_time", "REAL NOT NULL DEFAULT 0"),
)
"""Columns that the first files do not have; every file gets them this way."""
_RECEIVED_AS_ASKED: Final = (
    "UPDATE intent SET received_minor_units = minor_units, received_currency_code = currency_code WHERE outcome = 'SUCCEEDED'"
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open transaction. `keeps_webhooks` says whether there is somebody to tell what happens in it."""

    db: sqlite3.Connection
    keeps_webhooks: bool


class Database:
    """The file, open as long as this is. OSError or sqlite3.Error where it cannot be used."""

    def __init__(self, home: Path, *, keeps_webhooks: bool) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._keeps_webhooks = keeps_webhooks
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(home / "psp.sqlite3", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        with self.transaction() as transaction:
            _prepare(transaction.db)

    @property
    def changes(self) -> int:
        """How many rows have been written so far: as long as it stays, nothing is new. Costs nothing to look at."""
        return self._connection.total_changes

    def close(self) -> None:
        """Close the file, after the transaction that runs."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit what the block does, or nothing of it when it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection, self._keeps_webhooks)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def new_id(prefix: str) -> str:
    """Return an id nobody has, such as pi_5f3c…"""
    return f"{prefix}_{uuid.uuid4().hex}"


def _prepare(db: sqlite3.Connection) -> None:
    for statement in _TABLES:
        db.execute(statement)
    for table, column, kind in _LATER_COLUMNS:
        if column not in {row["name"] for row in db.execute("SELECT name FROM pragma_table_info(?)", (table,))}:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            if column == "received_currency_code":
                db.execute(_RECEIVED_AS_ASKED)
