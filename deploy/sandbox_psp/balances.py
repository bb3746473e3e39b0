"""Fees and payouts in their tables, with their messages in the same transaction, and the balance they leave."""

from __future__ import annotations

import sqlite3
from typing import Final

from chassis.money import MAX_MINOR_UNITS, Money
from deploy.sandbox_psp.database import Transaction, new_id
from deploy.sandbox_psp.earnings import Fee, Payout, fee_of
from deploy.sandbox_psp.errors import Refusal
from deploy.sandbox_psp.outbox import tell
from deploy.sandbox_psp.resources import fee_json, payout_json

_BALANCE: Final = """
SELECT (SELECT coalesce(sum(received_minor_units), 0) FROM intent WHERE received_currency_code = :currency_code
               AND outcome = 'SUCCEEDED' AND cancel_time IS NULL AND settle_time <= :now)
     - (SELECT coalesce(sum(minor_units), 0) FROM refund WHERE currency_code = :currency_code AND outcome <> 'FAILED')
     - (SELECT coalesce(sum(minor_units), 0) FROM fee WHERE currency_code = :currency_code)
     - (SELECT coalesce(sum(minor_units), 0) FROM payout WHERE currency_code = :currency_code)
"""


def charge_fee(transaction: Transaction, intent_key: str, received: Money, *, now: float, copies: int) -> None:
    """Keep the fee of an intent that succeeded, and tell it."""
    amount = fee_of(received)
    row = transaction.db.execute(
        "INSERT INTO fee (fee_id, intent_key, minor_units, currency_code, create_time) VALUES (?, ?, ?, ?, ?) RETURNING *",
        (new_id("fee"), intent_key, amount.minor_units, amount.currency_code, now),
    ).fetchone()
    tell(transaction, "fee.charged", fee_json(to_fee(row)), now=now, copies=copies)


def pay_out(transaction: Transaction, currency_code: str, *, now: float) -> Payout:
    """Pay out the whole balance of a currency, or refuse when there is none; a refund that is pending has left it."""
    balance = transaction.db.execute(_BALANCE, {"currency_code": currency_code, "now": now}).fetchone()[0]
    if balance <= 0:
        raise Refusal("nothing_to_pay_out")
    row = transaction.db.execute(
        "INSERT INTO payout (payout_id, minor_units, currency_code, create_time) VALUES (?, ?, ?, ?) RETURNING *",
        (new_id("po"), min(balance, MAX_MINOR_UNITS), currency_code, now),
    ).fetchone()
    payout = to_payout(row)
    tell(transaction, "payout.paid", payout_json(payout), now=now)
    return payout


def to_fee(row: sqlite3.Row) -> Fee:
    """Read a row of the table fee."""
    amount = Money(row["currency_code"], row["minor_units"])
    return Fee(row["number"], row["fee_id"], row["intent_key"], amount, row["create_time"])


def to_payout(row: sqlite3.Row) -> Payout:
    """Read a row of the table payout."""
    return Payout(row["number"], row["payout_id"], Money(row["currency_code"], row["minor_units"]), row["create_time"])
