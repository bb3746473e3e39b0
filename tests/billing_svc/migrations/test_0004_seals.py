"""A ledger that was in use comes through the revision, up, down and up again: what was posted before is sealed after."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from pydantic import SecretStr

from billing_svc import app
from billing_svc.fake_provider import FakeProvider
from billing_svc.settings import Settings
from chassis import migrate
from chassis.clock import ManualClock
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from tests.billing_svc.builders import NOW
from tests.billing_svc.till import Till

IDS = [f"0190a000-0000-7000-8000-00000000000{number}" for number in range(1, 4)]
POST = """
INSERT INTO journal (journal_id, ref, kind, post_time) SELECT it, 'test/' || it, 'STOCK', now() FROM unnest(%s::uuid[]) AS it;
"""
ENTRIES = """
INSERT INTO entry SELECT it, line, '1200', 'EUR', 3 - 2 * line FROM unnest(%s::uuid[]) AS it, generate_series(1, 2) AS line
"""
ROWS = "SELECT to_jsonb(journal)::text FROM journal UNION ALL SELECT to_jsonb(entry)::text FROM entry ORDER BY 1"
SEALED = "SELECT sequence, journal_id::text FROM seal ORDER BY sequence"
WAITING = "SELECT journal_id::text FROM unsealed ORDER BY 1"
GONE = "SELECT to_regclass('seal'), to_regclass('unsealed'), to_regclass('ledger_head'), to_regclass('balance')"


@contextmanager
def _till(url: str, seed: int) -> Iterator[Till]:
    clock, broker = ManualClock(NOW), MemoryBroker()
    provider = FakeProvider(clock)
    settings = Settings(profile="dev", database_url=SecretStr(url))
    till = Till(app.build(settings, clock, broker, IdSource(clock, random.Random(seed)), provider), broker, clock, provider)
    try:
        yield till
    finally:
        till.application.close()


def test_journals_are_sealed_after_up_down_and_up(new_database: Callable[[str], str]) -> None:
    url = new_database("billing")
    migrate.upgrade("billing_svc", url, "0003")
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.transaction():
            connection.execute(POST, [IDS])
            connection.execute(ENTRIES, [IDS])
        before = connection.execute(ROWS).fetchall()
        for told in (1, 2):
            migrate.upgrade("billing_svc", url)
            assert connection.execute(ROWS).fetchall() == before
            assert connection.execute(WAITING).fetchall() == [(journal_id,) for journal_id in IDS]
            with _till(url, told) as till:
                assert (till.seal(), till.seal()) == (3, 0)
                assert till.findings() == []
            assert connection.execute(SEALED).fetchall() == list(enumerate(IDS, start=1))
            assert connection.execute("SELECT max(stream_sequence) FROM outbox").fetchone() == (told,)
            migrate.downgrade("billing_svc", url, "0003")
            assert connection.execute(ROWS).fetchall() == before
            assert connection.execute(GONE).fetchone() == (None, None, None, None)
