"""Payment intents as they come, settle and are canceled, each with its fee and its messages in the same transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from chassis.money import Money
from deploy.sandbox_psp.balances import charge_fee
from deploy.sandbox_psp.behaviours import LATE, SOFT, Create, Decline, Delays, behaviour_of
from deploy.sandbox_psp.database import Transaction, new_id
from deploy.sandbox_psp.errors import Refusal
from deploy.sandbox_psp.intents import Intent, IntentRequest
from deploy.sandbox_psp.outbox import tell
from deploy.sandbox_psp.resources import intent_json
from deploy.sandbox_psp.rows import find_intent, known_intent, to_request
from deploy.sandbox_psp.schedule import Cause, schedule

_AT_ONCE = Delays(slow=0, late=0)


@dataclass(frozen=True, slots=True)
class Creation:
    """What a call to create an intent did. `intent` is absent when the call got lost; `hangs` delays its answer."""

    intent: Intent | None
    is_new: bool
    hangs: bool = False


def create(transaction: Transaction, key: str, request: IntentRequest, *, now: float, delays: Delays) -> Creation:
    """Return the intent under `key`, made now if it is new; another request under a used key is refused."""
    if known := find_intent(transaction.db, key):
        if known.request not in (None, request):
            raise Refusal("idempotency_mismatch")
        return Creation(known, is_new=False)
    meets = behaviour_of(request.payment_method).create
    if meets is Create.UNAVAILABLE:
        raise Refusal("unavailable")
    if meets is Create.LOST and _lose(transaction.db, key, request, now + delays.late):
        return Creation(None, is_new=True, hangs=True)
    return Creation(_charge(transaction, key, request, now=now, delays=delays), is_new=True, hangs=meets is Create.HANGS)


def arrive(transaction: Transaction, key: str, *, now: float) -> None:
    """Let a lost call arrive: it is the first under its key, or finds its intent, or its key barred."""
    row = transaction.db.execute("DELETE FROM lost_call WHERE key = ? RETURNING *", (key,)).fetchone()
    request = to_request(row)
    if request and find_intent(transaction.db, key) is None:
        _charge(transaction, key, request, now=now, delays=_AT_ONCE)


def settle(transaction: Transaction, key: str, *, now: float) -> None:
    """Let an intent that was not canceled come to its outcome: what came in costs a fee."""
    intent = known_intent(transaction.db, key)
    if intent.state(now) == "CANCELED":
        return
    _tell_of(transaction, intent, now=now)
    if received := intent.received_by(now):
        charge_fee(transaction, key, received, now=now, copies=behaviour_of(intent.payment_method).webhook_copies)


def report_wrongly(transaction: Transaction, key: str, *, now: float) -> None:
    """Tell that an intent was declined, which it was not."""
    wrong = replace(known_intent(transaction.db, key), outcome="DECLINED", decline_kind=LATE.kind, decline_code=LATE.code)
    _tell_of(transaction, wrong, now=now)


def cancel(transaction: Transaction, key: str, *, now: float) -> Intent:
    """Cancel what is pending; an unknown key becomes a tombstone, told to nobody; a finished intent stays as it is."""
    known = find_intent(transaction.db, key)
    if known is None:
        transaction.db.execute(
            "INSERT INTO intent (intent_id, key, outcome, create_time, settle_time, cancel_time)"
            " VALUES (?, ?, 'CANCELED', ?, ?, ?)",
            (new_id("pi"), key, now, now, now),
        )
    elif known.state(now) == "PENDING":
        transaction.db.execute("UPDATE intent SET cancel_time = ? WHERE key = ?", (now, key))
        _tell_of(transaction, replace(known, cancel_time=now), now=now)
    return known_intent(transaction.db, key)


def _lose(db: sqlite3.Connection, key: str, request: IntentRequest, arrive_time: float) -> bool:
    """Let the first call under a key go astray until a time; False for every other call."""
    asked = (request.minor_units, request.currency_code, request.payment_method, request.reference)
    is_first = db.execute("INSERT INTO lost_call VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (key, *asked)).rowcount == 1
    if is_first:
        schedule(db, Cause.ARRIVAL, key, arrive_time)
    return is_first


def _charge(transaction: Transaction, key: str, request: IntentRequest, *, now: float, delays: Delays) -> Intent:
    does = behaviour_of(request.payment_method)
    decline = does.decline or _soft_decline(transaction.db, request, does.soft_declines)
    settle_time = now + delays.slow if does.is_slow else now
    _insert(transaction.db, key, request, decline, (now, settle_time))
    if settle_time > now:
        schedule(transaction.db, Cause.SETTLEMENT, key, settle_time)
    else:
        settle(transaction, key, now=now)
    if does.is_reported_declined:
        schedule(transaction.db, Cause.WRONG_REPORT, key, now + delays.late)
    return known_intent(transaction.db, key)


def _soft_decline(db: sqlite3.Connection, request: IntentRequest, declines: int) -> Decline | None:
    """Decline the first so many intents of a reference."""
    query = "SELECT count(*) FROM intent WHERE reference = ? AND payment_method = ?"
    earlier = db.execute(query, (request.reference, request.payment_method)).fetchone()[0] if declines else 0
    return SOFT if earlier < declines else None


def _insert(
    db: sqlite3.Connection, key: str, request: IntentRequest, decline: Decline | None, times: tuple[float, float]
) -> None:
    asked = Money(request.currency_code, request.minor_units)
    received = None if decline else behaviour_of(request.payment_method).received(asked)
    db.execute(
        "INSERT INTO intent (intent_id, key, minor_units, currency_code, payment_method, reference, outcome, decline_kind,"
        " decline_code, received_minor_units, received_currency_code, create_time, settle_time)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new_id("pi"), key, asked.minor_units, asked.currency_code, request.payment_method, request.reference),
            *(("DECLINED", decline.kind, decline.code) if decline else ("SUCCEEDED", None, None)),
            *((received.minor_units, received.currency_code) if received else (None, None)),
            *times,
        ),
    )


def _tell_of(transaction: Transaction, intent: Intent, *, now: float) -> None:
    kind = f"payment_intent.{intent.state(now).lower()}"
    tell(transaction, kind, intent_json(intent, now), now=now, copies=behaviour_of(intent.payment_method).webhook_copies)
