"""Fills a ledger with as many journals as it may have after years, sealed as the sealer would have sealed them.

The rows are made by PostgreSQL without triggers; the chain is extended and the balances are added to by the sealer's own
functions and statements, in one round instead of thousands.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from billing_svc import balances, canonical
from billing_svc.domain.chain import FIRST_HASH, LEDGER, LedgerHead, extend
from billing_svc.tables import seal
from chassis.database import insert_rows

FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN: Final = 31
"""10^6 journals are a year."""
CHUNK: Final = 5_000
NOWHERE: Final = str(uuid.UUID(int=0))

_JOURNALS: Final = """
INSERT INTO journal (journal_id, ref, kind, order_id, source_event_id, post_time)
SELECT id, 'ship/' || id, 'SHIPMENT', id, id, CAST(:first AS timestamptz) + n * :between * interval '1 second'
FROM (SELECT n, ('0190a000-' || lpad(to_hex(n / 4096), 4, '0') || '-7' || lpad(to_hex(n % 4096), 3, '0')
    || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id FROM generate_series(1, CAST(:count AS bigint)) AS n) AS numbered
"""
_ENTRIES: Final = """
INSERT INTO entry (journal_id, line, account, currency_code, amount)
SELECT journal_id, line, CASE line WHEN 1 THEN '5000' ELSE '1200' END, 'EUR', CASE line WHEN 1 THEN 1 ELSE -1 END * 1999
FROM journal CROSS JOIN generate_series(1, 2) AS line
"""
_FORMS: Final = f"""
SELECT journal_id::text, {canonical.JOURNAL} || (SELECT {canonical.ENTRIES} FROM entry
    WHERE entry.journal_id = journal.journal_id)
FROM journal WHERE journal_id > CAST(:after AS uuid) ORDER BY journal_id LIMIT :limit
"""  # noqa: S608 - made of constants
_HEAD: Final = "UPDATE ledger_head SET sequence = :sequence, hash = :hash"


def fill(database: sa.Engine, count: int) -> None:
    """Post and seal this many journals in an empty ledger, and let PostgreSQL look at them."""
    with database.begin() as connection:
        _take_time(connection)
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text(_JOURNALS), {"first": FIRST, "between": SECONDS_BETWEEN, "count": count})
        connection.execute(sa.text(_ENTRIES))
    with database.begin() as connection:
        _take_time(connection)
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        head = _seal(connection)
        balances.add(connection, 1, head.sequence)
        connection.execute(sa.text(_HEAD), {"sequence": head.sequence, "hash": head.hash})
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("VACUUM (ANALYZE) journal, entry, seal, unsealed, balance")


def _take_time(connection: sa.Connection) -> None:
    """Lift the limits of a service's connection: a million rows take longer than a command may."""
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _seal(connection: sa.Connection) -> LedgerHead:
    """Extend the chain by everything that is posted, some at a time."""
    head, last = LedgerHead(LEDGER, 0, FIRST_HASH), NOWHERE
    canonical.use_utf8(connection)
    while forms := [(row[0], bytes(row[1])) for row in connection.execute(sa.text(_FORMS), {"after": last, "limit": CHUNK})]:
        head, seals = extend(head, forms)
        insert_rows(connection, seal, [asdict(each) for each in seals])
        last = forms[-1][0]
    return head


def time_of(number: int) -> datetime:
    """Return when the n-th journal was posted."""
    return FIRST + timedelta(seconds=number * SECONDS_BETWEEN)
