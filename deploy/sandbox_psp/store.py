"""The provider's memory: one SQLite file under --home, committed to disk before anything is answered.

One connection behind a lock: every call is one transaction, so the same key twice at once is one intent.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.sandbox_psp.behaviours import behaviour_of
from deploy.sandbox_psp.intents import Intent, IntentRequest, Refund, RefundRequest

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS intent (
    number INTEGER PRIMARY KEY AUTOINCREMENT, intent_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE,
    minor_units INTEGER, currency_code TEXT, payment_method TEXT, reference TEXT,
    outcome TEXT NOT NULL, decline_kind TEXT, decline_code TEXT,
    create_time REAL NOT NULL, settle_time REAL NOT NULL, cancel_time REAL
) STRICT;
CREATE TABLE IF NOT EXISTS refund (
    number INTEGER PRIMARY KEY AUTOINCREMENT, refund_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE,
    intent_key TEXT NOT NULL REFERENCES intent (key), minor_units INTEGER NOT NULL CHECK (minor_units > 0),
    currency_code TEXT NOT NULL, outcome TEXT NOT NULL, failure_code TEXT, create_time REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refund_intent ON refund (intent_key);
"""


class Refusal(Exception):
    """What the provider will not do, with its code for the caller."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Store:
    """Intents and refunds on disk. Times are seconds since the epoch and come from the caller."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(home / "psp.sqlite3", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def create_intent(self, key: str, request: IntentRequest, *, now: float, slow_seconds: float) -> tuple[Intent, bool]:
        """Return the intent under `key` and whether it is new; another request under a used key is refused."""
        with self._transaction() as db:
            if known := _intent(db, key):
                if known.request not in (None, request):
                    raise Refusal("idempotency_mismatch")
                return known, False
            does = behaviour_of(request.payment_method)
            settle = now + slow_seconds if does.is_slow else now
            db.execute(
                "INSERT INTO intent (intent_id, key, minor_units, currency_code, payment_method, reference,"
                " outcome, decline_kind, decline_code, create_time, settle_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(
                        _new_id("pi"),
                        key,
                        request.minor_units,
                        request.currency_code,
                        request.payment_method,
                        request.reference,
                    ),
                    *(does.outcome, does.decline_kind, does.decline_code, now, settle),
                ),
            )
            return _known_intent(db, key), True

    def cancel_intent(self, key: str, *, now: float) -> Intent:
        """Cancel what is pending; an unknown key becomes a tombstone; a finished intent stays as it is."""
        with self._transaction() as db:
            known = _intent(db, key)
            if known is None:
                db.execute(
                    "INSERT INTO intent (intent_id, key, outcome, create_time, settle_time, cancel_time)"
                    " VALUES (?, ?, 'CANCELED', ?, ?, ?)",
                    (_new_id("pi"), key, now, now, now),
                )
            elif known.state(now) == "PENDING":
                db.execute("UPDATE intent SET cancel_time = ? WHERE key = ?", (now, key))
            return _known_intent(db, key)

    def create_refund(self, key: str, request: RefundRequest, *, now: float) -> tuple[Refund, bool]:
        """Return the refund under `key` and whether it is new; all refunds of an intent stay within its amount."""
        with self._transaction() as db:
            if known := _refund(db, key):
                if known.request != request:
                    raise Refusal("idempotency_mismatch")
                return known, False
            intent = _intent(db, request.intent_key)
            if intent is None:
                raise Refusal("intent_not_found")
            if intent.request is None or intent.state(now) != "SUCCEEDED":
                raise Refusal("intent_not_succeeded")
            if _refunded(db, request.intent_key) + request.minor_units > intent.request.minor_units:
                raise Refusal("refund_exceeds_intent")
            db.execute(
                "INSERT INTO refund (refund_id, key, intent_key, minor_units, currency_code, outcome, create_time)"
                " VALUES (?, ?, ?, ?, ?, 'SUCCEEDED', ?)",
                (_new_id("re"), key, request.intent_key, request.minor_units, intent.request.currency_code, now),
            )
            return _known_refund(db, key), True

    def intent(self, key: str) -> Intent:
        """Return the intent under `key`, or refuse."""
        with self._lock:
            return _known_intent(self._connection, key)

    def refund(self, key: str) -> Refund:
        """Return the refund under `key`, or refuse."""
        with self._lock:
            return _known_refund(self._connection, key)

    def intents(self, *, after: int, limit: int) -> list[Intent]:
        """Return intents in the order they were made, from the one after number `after`."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM intent WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
            return [_to_intent(row) for row in rows]

    def refunds(self, *, after: int, limit: int) -> list[Refund]:
        """Return refunds in the order they were made, from the one after number `after`."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM refund WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
            return [_to_refund(row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def _intent(db: sqlite3.Connection, key: str) -> Intent | None:
    row = db.execute("SELECT * FROM intent WHERE key = ?", (key,)).fetchone()
    return _to_intent(row) if row else None


def _known_intent(db: sqlite3.Connection, key: str) -> Intent:
    intent = _intent(db, key)
    if intent is None:
        raise Refusal("intent_not_found")
    return intent


def _refund(db: sqlite3.Connection, key: str) -> Refund | None:
    row = db.execute("SELECT * FROM refund WHERE key = ?", (key,)).fetchone()
    return _to_refund(row) if row else None


def _known_refund(db: sqlite3.Connection, key: str) -> Refund:
    refund = _refund(db, key)
    if refund is None:
        raise Refusal("refund_not_found")
    return refund


def _refunded(db: sqlite3.Connection, intent_key: str) -> int:
    query = "SELECT COALESCE(SUM(minor_units), 0) FROM refund WHERE intent_key = ? AND outcome <> 'FAILED'"
    return int(db.execute(query, (intent_key,)).fetchone()[0])


def _to_intent(row: sqlite3.Row) -> Intent:
    request = None
    if row["minor_units"] is not None:
        request = IntentRequest(row["minor_units"], row["currency_code"], row["payment_method"], row["reference"])
    return Intent(
        *(row["number"], row["intent_id"], row["key"], request),
        *(row["outcome"], row["decline_kind"], row["decline_code"]),
        *(row["create_time"], row["settle_time"], row["cancel_time"]),
    )


def _to_refund(row: sqlite3.Row) -> Refund:
    return Refund(
        *(row["number"], row["refund_id"], row["key"], RefundRequest(row["intent_key"], row["minor_units"])),
        *(row["currency_code"], row["outcome"], row["failure_code"], row["create_time"]),
    )
