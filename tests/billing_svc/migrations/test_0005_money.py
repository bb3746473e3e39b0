"""A billing database that was in use comes through the revision, up, down and up again, and its accounts are read as before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa

from billing_svc.domain.invoice import CreditNoteKind
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.payment import FailureReason, PaymentState
from billing_svc.store import STORE
from chassis import migrate
from chassis.money import Money
from chassis.world import keys

ORDER, INVOICE = "0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"
HARD, SHORT, GIVEN_UP = (f"0190a000-0000-7000-8000-00000000001{number}" for number in range(3))
NOTE, AT = "0190a000-0000-7000-8000-000000000021", "2026-10-01T12:00:00+00:00"
STAMPS = {"version": 1, "create_time": AT, "update_time": AT}
TERMS = {"customer_id": "c", "currency_code": "EUR", "payment_method": "pm_ok", "place_time": AT, "lines": []}
CALLS = {"failures": 0, "polls": 0, "is_unknown": False, "is_pending": False, "is_lost": False, "is_withdrawn": False}
PAYMENT = {
    "order_id": ORDER,
    "invoice_id": INVOICE,
    "currency_code": "EUR",
    "amount": 1_200,
    "payment_method": "pm_ok",
    **CALLS,
}
ROWS: list[tuple[str, dict[str, Any]]] = [
    (
        "order_account",
        {
            "order_id": ORDER,
            "terms": TERMS,
            "is_reserved": True,
            "is_cancelled": False,
            "shipments": {"f-1": ["EUR", 1_000]},
            "cancellations": {},
            "stream_sequence": 4,
            **STAMPS,
        },
    ),
    (
        "invoice",
        {
            "invoice_id": INVOICE,
            "order_id": ORDER,
            "invoice_number": "INV-000007",
            "customer_id": "c",
            "state": "PARTIALLY_PAID",
            "currency_code": "EUR",
            "net": 1_000,
            "tax": 200,
            "paid": 600,
            "credited": 100,
            "refunded": 0,
            "outstanding": 500,
            "is_cancelled": False,
            "is_void": False,
            "issue_time": AT,
            "due_time": AT,
            **STAMPS,
        },
    ),
    ("payment", {"payment_id": HARD, "attempt_number": 1, "state": "DECLINED", "decline_kind": "HARD", **PAYMENT, **STAMPS}),
    (
        "payment",
        {
            "payment_id": SHORT,
            "attempt_number": 2,
            "state": "SUCCEEDED",
            "received": 600,
            "received_currency_code": "EUR",
            "applied": 600,
            **PAYMENT,
            **STAMPS,
        },
    ),
    (
        "payment",
        {"payment_id": GIVEN_UP, "attempt_number": 3, "state": "NOT_ATTEMPTED"}
        | PAYMENT
        | STAMPS
        | {"failures": 6, "is_withdrawn": True},
    ),
    (
        "credit_note",
        {
            "credit_note_id": NOTE,
            "order_id": ORDER,
            "invoice_id": INVOICE,
            "credit_note_number": "CN-000003",
            "kind": "CANCELLATION",
            "currency_code": "EUR",
            "net": 100,
            "tax": 0,
            "lines": {"lines": []},
            **STAMPS,
        },
    ),
]
TABLES = ("order_account", "invoice", "payment", "credit_note", "counter")


def _kept(connection: psycopg.Connection[Any]) -> list[Any]:
    return [connection.execute(f"SELECT to_jsonb(it) FROM {table} AS it ORDER BY 1").fetchall() for table in TABLES]  # noqa: S608


def _account(url: str) -> OrderAccount:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        account = STORE.load(connection, keys(OrderAccount, [ORDER])).find(OrderAccount, ORDER)
    engine.dispose()
    assert account is not None
    return account


def test_accounts_are_what_they_were_after_up_down_and_up(new_database: Callable[[str], str]) -> None:
    url = new_database("billing")
    migrate.upgrade("billing_svc", url, "0004")
    with psycopg.connect(url, autocommit=True) as connection:
        for table, row in ROWS:
            columns = ", ".join(row)
            statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s)"  # noqa: S608
            connection.execute(statement, [json.dumps(row)])
        connection.execute("UPDATE counter SET last_number = 7 WHERE name = 'invoice'")
        before = _kept(connection)
        for _ in range(2):
            migrate.upgrade("billing_svc", url)
            _check(_account(url))
            assert connection.execute("SELECT year, last_number FROM counter WHERE name = 'invoice'").fetchone() == (0, 7)
            migrate.downgrade("billing_svc", url, "0004")
            assert _kept(connection) == before


def _check(account: OrderAccount) -> None:
    states = [(attempt.state, attempt.failure_reason) for attempt in account.attempts]
    assert states == [
        (PaymentState.DECLINED, FailureReason.DECLINED_HARD),
        (PaymentState.SUCCEEDED, FailureReason.SHORT),
        (PaymentState.NOT_ATTEMPTED, FailureReason.PROVIDER_UNAVAILABLE),
    ]
    assert [(attempt.dunning.place, attempt.next_attempt_time) for attempt in account.attempts] == [(1, None)] * 3
    assert account.invoice
    assert (account.invoice.void_reason, account.invoice.void_comment) == (None, "")
    assert [(note.kind, note.reason, note.comment) for note in account.credit_notes] == [
        (CreditNoteKind.CANCELLATION, None, "")
    ]
    assert [(shipment.net, shipment.lines) for shipment in account.shipments] == [(Money("EUR", 1_000), ())]
