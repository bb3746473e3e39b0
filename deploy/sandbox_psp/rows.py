"""Intents and refunds as they are read from their tables."""

from __future__ import annotations

import sqlite3

from chassis.money import Money
from deploy.sandbox_psp.errors import Refusal
from deploy.sandbox_psp.intents import Intent, IntentRequest, Refund, RefundRequest


def find_intent(db: sqlite3.Connection, key: str) -> Intent | None:
    """Return the intent under `key`, None where there is none."""
    row = db.execute("SELECT * FROM intent WHERE key = ?", (key,)).fetchone()
    return to_intent(row) if row else None


def known_intent(db: sqlite3.Connection, key: str) -> Intent:
    """Return the intent under `key`, or refuse."""
    intent = find_intent(db, key)
    if intent is None:
        raise Refusal("intent_not_found")
    return intent


def find_refund(db: sqlite3.Connection, key: str) -> Refund | None:
    """Return the refund under `key`, None where there is none."""
    row = db.execute("SELECT * FROM refund WHERE key = ?", (key,)).fetchone()
    return to_refund(row) if row else None


def known_refund(db: sqlite3.Connection, key: str) -> Refund:
    """Return the refund under `key`, or refuse."""
    refund = find_refund(db, key)
    if refund is None:
        raise Refusal("refund_not_found")
    return refund


def to_request(row: sqlite3.Row) -> IntentRequest | None:
    """Read what was asked, None in a tombstone."""
    if row["minor_units"] is None:
        return None
    return IntentRequest(row["minor_units"], row["currency_code"], row["payment_method"], row["reference"])


def to_intent(row: sqlite3.Row) -> Intent:
    """Read a row of the table intent."""
    units = row["received_minor_units"]
    return Intent(
        *(row["number"], row["intent_id"], row["key"], to_request(row)),
        *(row["outcome"], row["decline_kind"], row["decline_code"]),
        None if units is None else Money(row["received_currency_code"], units),
        *(row["create_time"], row["settle_time"], row["cancel_time"]),
    )


def to_refund(row: sqlite3.Row) -> Refund:
    """Read a row of the table refund."""
    return Refund(
        *(row["number"], row["refund_id"], row["key"], RefundRequest(row["intent_key"], row["minor_units"])),
        *(row["currency_code"], row["outcome"], row["failure_code"]),
        *(row["tries"], row["create_time"], row["settle_time"]),
    )
