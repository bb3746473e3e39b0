"""The canonical form is what its specification says, under any setting of a session: written here a second time."""

from __future__ import annotations

import hashlib
import struct
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from billing_svc import canonical
from tests.billing_svc.journals import chain, post, seal_all
from tests.billing_svc.till import Till

FORM = sa.text(
    f"SELECT {canonical.JOURNAL} || (SELECT {canonical.ENTRIES} FROM entry WHERE entry.journal_id = journal.journal_id)"  # noqa: S608
    " FROM journal WHERE journal_id = :id"
)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
UUID, TEXT, TIME, XID, SMALL, BIG = 2950, 25, 1184, 5069, 21, 20


def _row(*columns: tuple[int, bytes | None]) -> bytes:
    parts = [struct.pack(">i", len(columns))]
    for kind, value in columns:
        parts += [struct.pack(">Ii", kind, -1 if value is None else len(value)), value or b""]
    return b"".join(parts)


def _id(value: str | None) -> tuple[int, bytes | None]:
    return UUID, uuid.UUID(value).bytes if value else None


def _form(journal: Any, entries: list[Any]) -> bytes:
    since = journal.post_time - EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    head = _row(
        _id(journal.journal_id),
        (TEXT, journal.ref.encode()),
        (TEXT, journal.kind.encode()),
        _id(journal.order_id),
        _id(journal.invoice_id),
        _id(journal.source_event_id),
        (TIME, struct.pack(">q", microseconds)),
        (XID, struct.pack(">Q", int(journal.xid))),
    )
    rows = [
        _row(
            (SMALL, struct.pack(">h", entry.line)),
            (TEXT, entry.account.encode()),
            (TEXT, entry.currency_code.encode()),
            (BIG, struct.pack(">q", entry.amount)),
        )
        for entry in entries
    ]
    return head + b"".join(rows)


@pytest.fixture(scope="module")
def journal_id(till: Till) -> str:
    """A sealed journal with a time before the epoch, an entry on line 1 that was written last, and text that is no ASCII."""
    with till.application.database.begin() as connection:
        made = post(connection, datetime(1999, 12, 31, 23, 59, 59, 123456, tzinfo=UTC), [])
        connection.execute(
            sa.text(
                "INSERT INTO entry VALUES (:id, 2, '1100', 'EUR', -7), (:id, 3, '2000', 'EUR', 5), (:id, 1, '1000', 'EUR', 2)"
            ),
            {"id": made},
        )
    with till.application.database.begin() as connection:
        other = str(uuid.uuid4())
        statement = (
            "INSERT INTO journal (journal_id, ref, kind, order_id, post_time) VALUES (:id, 'tést/ü', 'VOID', :id, now())"
        )
        connection.execute(sa.text(statement), {"id": other})
        connection.execute(
            sa.text("INSERT INTO entry VALUES (:id, 1, '1000', 'EUR', 5), (:id, 2, '1100', 'EUR', -5)"), {"id": other}
        )
    assert seal_all(till) == 2
    return made


@pytest.mark.parametrize(
    "setting", ["TimeZone = 'Asia/Tokyo'", "DateStyle = 'German'", "bytea_output = 'escape'", "client_encoding = 'LATIN1'"]
)
def test_postgresql_computes_the_form_that_is_specified(till: Till, journal_id: str, setting: str) -> None:
    with till.application.database.connect() as connection:
        journals = connection.execute(sa.text("SELECT *, journal_id::text, order_id::text FROM journal")).mappings().all()
        for row in journals:
            journal = connection.execute(
                sa.text(
                    "SELECT journal_id::text, ref, kind, order_id::text, invoice_id::text, source_event_id::text, post_time,"
                    " xid::text FROM journal WHERE journal_id = :id"
                ),
                {"id": row["journal_id"]},
            ).one()
            entries = connection.execute(
                sa.text("SELECT * FROM entry WHERE journal_id = :id ORDER BY line"), {"id": row["journal_id"]}
            )
            expected = _form(journal, list(entries))
            connection.execute(sa.text(f"SET LOCAL {setting}"))
            canonical.use_utf8(connection)
            assert bytes(connection.execute(FORM, {"id": row["journal_id"]}).scalar_one()) == expected
            connection.rollback()


def test_the_hash_is_of_the_one_before_and_that_form(till: Till, journal_id: str) -> None:
    previous = bytes(32)
    with till.application.database.connect() as connection:
        for seal in chain(till):
            form = bytes(connection.execute(FORM, {"id": seal.journal_id}).scalar_one())
            assert bytes(seal.previous_hash) == previous
            assert bytes(seal.hash) == hashlib.sha256(previous + form).digest()
            previous = bytes(seal.hash)
