"""Journals straight in SQL, as somebody beside the application would write them, and the sealer that takes them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from billing_svc.sealing import Sealer
from tests.billing_svc.builders import NOW
from tests.billing_svc.till import Till

Lines = Sequence[tuple[str, str, int]]
BALANCED: Lines = [("1000", "EUR", 5), ("1100", "EUR", -5)]
_JOURNAL = sa.text("INSERT INTO journal (journal_id, ref, kind, post_time) VALUES (:id, :ref, 'PAYMENT', :time)")
_ENTRY = sa.text(
    "INSERT INTO entry (journal_id, line, account, currency_code, amount) VALUES (:id, :line, :account, :code, :sum)"
)


def post(connection: sa.Connection, time: datetime = NOW, lines: Lines = BALANCED, journal_id: str = "") -> str:
    """Post one journal in the transaction that is open; its id."""
    journal_id = journal_id or str(uuid.uuid4())
    connection.execute(_JOURNAL, {"id": journal_id, "ref": f"test/{journal_id}", "time": time})
    rows = [{"id": journal_id, "line": n, "account": a, "code": c, "sum": s} for n, (a, c, s) in enumerate(lines, start=1)]
    if rows:
        connection.execute(_ENTRY, rows)
    return journal_id


def post_each(till: Till, count: int) -> list[str]:
    """Post some journals, each in a transaction of its own."""
    found = []
    for _ in range(count):
        with till.application.database.begin() as connection:
            found.append(post(connection))
    return found


def sealer(till: Till) -> Sealer:
    """The service's sealer."""
    loop = till.application.loops["sealer"]
    assert isinstance(loop, Sealer)
    return loop


def seal_all(till: Till) -> int:
    """Seal until nothing waits; how many journals."""
    total = 0
    while sealed := till.seal():
        total += sealed
    return total


def chain(till: Till) -> list[Any]:
    """The seals in order, each with sequence, journal_id, previous_hash and hash."""
    with till.application.database.connect() as connection:
        return list(connection.execute(sa.text("SELECT * FROM seal ORDER BY sequence")))
