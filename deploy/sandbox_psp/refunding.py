"""Refunds as they are asked for, fail, are asked for again and settle, with their messages in the same transaction."""

from __future__ import annotations

import sqlite3

from chassis.money import Money
from deploy.sandbox_psp.behaviours import Delays, behaviour_of
from deploy.sandbox_psp.database import Transaction, new_id
from deploy.sandbox_psp.errors import Refusal
from deploy.sandbox_psp.intents import Refund, RefundRequest
from deploy.sandbox_psp.outbox import tell
from deploy.sandbox_psp.resources import refund_json
from deploy.sandbox_psp.rows import find_refund, known_intent, known_refund
from deploy.sandbox_psp.schedule import Cause, schedule

FAILURE_CODE = "refund_rejected"


def create(transaction: Transaction, key: str, request: RefundRequest, *, now: float, delays: Delays) -> tuple[Refund, bool]:
    """Return the refund under `key` and whether it is new; all refunds of an intent stay within what it brought in."""
    if known := find_refund(transaction.db, key):
        if known.request != request:
            raise Refusal("idempotency_mismatch")
        return (_try_again(transaction, known, now=now) if known.outcome == "FAILED" else known), False
    intent = known_intent(transaction.db, request.intent_key)
    received = intent.received_by(now)
    if received is None:
        raise Refusal("intent_not_succeeded")
    _check_room(transaction.db, request, received)
    settle_time = now + delays.slow if behaviour_of(intent.payment_method).is_refund_slow else now
    _insert(transaction.db, key, received, request, (now, settle_time))
    if settle_time > now:
        schedule(transaction.db, Cause.REFUND_SETTLEMENT, key, settle_time)
    else:
        settle(transaction, key, now=now)
    return known_refund(transaction.db, key), True


def settle(transaction: Transaction, key: str, *, now: float) -> None:
    """Tell what became of a refund."""
    refund = known_refund(transaction.db, key)
    copies = behaviour_of(known_intent(transaction.db, refund.request.intent_key).payment_method).webhook_copies
    tell(transaction, f"refund.{refund.state(now).lower()}", refund_json(refund, now), now=now, copies=copies)


def _try_again(transaction: Transaction, refund: Refund, *, now: float) -> Refund:
    """Count one more call about a refund that failed. A failure that was told is not told again."""
    intent = known_intent(transaction.db, refund.request.intent_key)
    tries = refund.tries + 1
    if tries <= behaviour_of(intent.payment_method).refund_failures:
        transaction.db.execute("UPDATE refund SET tries = ? WHERE key = ?", (tries, refund.key))
        return known_refund(transaction.db, refund.key)
    if received := intent.received_by(now):
        _check_room(transaction.db, refund.request, received)
    transaction.db.execute(
        "UPDATE refund SET tries = ?, outcome = 'SUCCEEDED', failure_code = NULL, settle_time = ? WHERE key = ?",
        (tries, now, refund.key),
    )
    settle(transaction, refund.key, now=now)
    return known_refund(transaction.db, refund.key)


def _insert(db: sqlite3.Connection, key: str, received: Money, request: RefundRequest, times: tuple[float, float]) -> None:
    method = known_intent(db, request.intent_key).payment_method
    outcome = ("FAILED", FAILURE_CODE) if behaviour_of(method).refund_failures else ("SUCCEEDED", None)
    db.execute(
        "INSERT INTO refund (refund_id, key, intent_key, minor_units, currency_code, outcome, failure_code, create_time,"
        " settle_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new_id("re"), key, request.intent_key, request.minor_units, received.currency_code),
            *(*outcome, *times),
        ),
    )


def _check_room(db: sqlite3.Connection, request: RefundRequest, received: Money) -> None:
    """Refuse what would make the refunds of an intent more than it brought in; one that failed gave nothing back."""
    query = "SELECT coalesce(sum(minor_units), 0) FROM refund WHERE intent_key = ? AND outcome <> 'FAILED'"
    refunded: int = db.execute(query, (request.intent_key,)).fetchone()[0]
    if refunded + request.minor_units > received.minor_units:
        raise Refusal("refund_exceeds_intent")
