"""The file: one that the first version made is opened, and goes on as if it had been made now."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.database import Database
from deploy.sandbox_psp.store import Store
from tests.deploy.sandbox_psp.merchant import AUTHORIZED, MovableClock, charge, inquire, listed, pay_out, refund

FIRST_SCHEMA = """
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
NOW = MovableClock().seconds
FIRST_INTENTS = [
    ("pi_1", "paid", 12_000, "EUR", "pm_ok", "order-1", "SUCCEEDED", None, None, NOW - 9, NOW - 9, None),
    ("pi_2", "slow", 500, "USD", "pm_slow", "order-2", "SUCCEEDED", None, None, NOW - 1, NOW + 1, None),
    ("pi_3", "declined", 500, "EUR", "pm_declined_hard", "order-3", "DECLINED", "hard", "do_not_honor", NOW, NOW, None),
    ("pi_4", "barred", None, None, None, None, "CANCELED", None, None, NOW, NOW, NOW),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A file of the first version, with something of everything it knew."""
    with sqlite3.connect(tmp_path / "psp.sqlite3") as old:
        old.executescript(FIRST_SCHEMA)
        old.executemany(
            "INSERT INTO intent (intent_id, key, minor_units, currency_code, payment_method, reference, outcome,"
            " decline_kind, decline_code, create_time, settle_time, cancel_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            FIRST_INTENTS,
        )
        old.execute(
            "INSERT INTO refund (refund_id, key, intent_key, minor_units, currency_code, outcome, create_time)"
            " VALUES ('re_1', 'refund-1', 'paid', 2000, 'EUR', 'SUCCEEDED', ?)",
            (NOW - 5,),
        )
    old.close()
    return tmp_path


def test_a_file_of_the_first_version_goes_on(home: Path) -> None:
    clock = MovableClock()
    for _ in range(2):
        store = Store(home, keeps_webhooks=True)
        with TestClient(build(Provider(store, SecretStr("sandbox-key"), 1.5, clock)), headers=AUTHORIZED) as psp:
            _everything_is_there(psp)
        store.close()
    store = Store(home, keeps_webhooks=True)
    with TestClient(build(Provider(store, SecretStr("sandbox-key"), 1.5, clock)), headers=AUTHORIZED) as psp:
        clock.seconds += 10
        assert inquire(psp, "slow").json()["received_minor_units"] == 500
        assert refund(psp, "refund-2", "paid", 10_001).status_code == 422
        assert refund(psp, "refund-2", "paid", 1_000).json()["state"] == "SUCCEEDED"
        assert pay_out(psp, "EUR").json()["minor_units"] == 9_000
        assert charge(psp, "new", "pm_slow").json()["state"] == "PENDING"
        assert [intent["key"] for intent in listed(psp, "payment_intents")] == ["paid", "slow", "declined", "barred", "new"]
    store.close()


def _everything_is_there(psp: TestClient) -> None:
    shown = {intent["key"]: _summary(intent) for intent in listed(psp, "payment_intents")}
    assert shown == {
        "paid": ("SUCCEEDED", 12_000, 12_000, "EUR"),
        "slow": ("PENDING", 500, None, None),
        "declined": ("DECLINED", 500, None, None),
        "barred": ("CANCELED", None, None, None),
    }
    assert [(r["key"], r["state"]) for r in listed(psp, "refunds")] == [("refund-1", "SUCCEEDED")]
    assert charge(psp, "paid").json() == inquire(psp, "paid").json()
    assert listed(psp, "fees") == listed(psp, "webhooks") == []


def _summary(intent: dict[str, Any]) -> tuple[Any, ...]:
    return intent["state"], intent["minor_units"], intent["received_minor_units"], intent["received_currency_code"]


def test_what_a_block_does_is_undone_when_it_raises(tmp_path: Path) -> None:
    database = Database(tmp_path, keeps_webhooks=False)
    with pytest.raises(sqlite3.IntegrityError):
        _insert_and_fail(database)
    with database.transaction() as transaction:
        assert transaction.db.execute("SELECT count(*) FROM lost_call").fetchone()[0] == 0
    database.close()


def _insert_and_fail(database: Database) -> None:
    with database.transaction() as transaction:
        for _ in range(2):
            transaction.db.execute("INSERT INTO lost_call VALUES ('attempt-1', 1, 'EUR', 'pm_ok', '')")
