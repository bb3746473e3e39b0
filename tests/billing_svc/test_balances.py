"""Any balance at any time is the sum of the entries up to it, however much is sealed and whatever is posted late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_svc import balances, sealing
from billing_svc.balances import spans_after
from chassis import migrate
from chassis.database import make_engine
from tests.billing_svc.journals import Lines, post, seal_all, sealer
from tests.billing_svc.till import Till

SUM = sa.text(
    """
SELECT currency_code, account, coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debit,
    coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credit
FROM entry JOIN journal USING (journal_id) WHERE post_time <= :as_of GROUP BY 1, 2 ORDER BY 1, 2
"""
)
EDGES = [
    datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
    datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
]
ANY_TIME = st.datetimes(datetime(2023, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
TIMES = (
    st.sampled_from(EDGES)
    | ANY_TIME
    | st.builds(lambda edge, shift: edge + timedelta(microseconds=shift), st.sampled_from(EDGES), st.integers(-2, 2))
    | st.builds(lambda edge, shift: edge + timedelta(seconds=shift), st.sampled_from(EDGES), st.integers(-90, 90))
)
AMOUNT, CODES, NUMBERS = st.integers(1, 10**9), st.sampled_from(["EUR", "USD"]), ["1000", "1100", "2000", "2300"]
LINES = st.builds(
    lambda code, amount, pair: [(pair[0], code, amount), (pair[1], code, -amount)],
    CODES,
    AMOUNT,
    st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2),
)
STEP = st.tuples(st.just("post"), TIMES, LINES) | st.tuples(st.just("seal")) | st.tuples(st.just("ask"), TIMES)


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """A service whose ledger only grows, from example to example."""
    return new_till()


def _differences(connection: sa.Connection, as_of: datetime) -> list[Any]:
    """What the kept balances say beside the sum over all entries, in one transaction that sees no other."""
    kept = [tuple(row) for row in balances.at(connection, as_of)]
    summed = [tuple(row) for row in connection.execute(SUM, {"as_of": as_of})]
    return [] if kept == summed else [as_of, kept, summed]


@given(st.lists(STEP, max_size=12), st.lists(TIMES, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_balance_is_the_sum_of_the_entries(till: Till, steps: list[Any], asked: list[datetime]) -> None:
    for step in [*steps, *(("ask", as_of) for as_of in asked)]:
        if step[0] == "seal":
            till.seal()
            continue
        with till.application.database.begin() as connection:
            if step[0] == "post":
                post(connection, step[1], step[2])
            else:
                assert _differences(connection, step[1]) == []
    assert till.findings() == []


def test_balances_hold_while_writers_and_the_sealer_work(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is a snapshot of its own: a journal is in it once, whether it is being sealed or not."""
    monkeypatch.setattr(sealing, "BATCH", 7)
    monkeypatch.setattr(sealing, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(sealing, "LONGEST_WAIT", 0.01)
    engine, stopping = till.application.database, threading.Event()
    lines: Lines = [("1000", "EUR", 1), ("1100", "EUR", -1)]

    def write(offset: int) -> None:
        for number in range(60):
            with engine.begin() as connection:
                post(connection, EDGES[3] + timedelta(seconds=(offset + number) % 90), lines)

    with ThreadPoolExecutor(4) as pool:
        sealing_loop = pool.submit(sealer(till).run, stopping)
        writers = [pool.submit(write, offset) for offset in (0, 30)]
        asked = 0
        while asked < 20 or not all(writer.done() for writer in writers):
            snapshot = engine.connect().execution_options(isolation_level="REPEATABLE READ")
            with snapshot as connection:
                assert _differences(connection, EDGES[asked % len(EDGES)]) == []
            asked += 1
        for writer in writers:
            writer.result()
        stopping.set()
        sealing_loop.result()
    seal_all(till)
    assert till.findings() == []


@given(TIMES, TIMES)
@settings(max_examples=300, deadline=None)
def test_every_later_minute_is_in_exactly_one_span(as_of: datetime, other: datetime) -> None:
    minute = other.replace(second=0, microsecond=0)
    starts = {
        "MINUTE": minute,
        "HOUR": minute.replace(minute=0),
        "DAY": minute.replace(minute=0, hour=0),
        "MONTH": minute.replace(minute=0, hour=0, day=1),
        "YEAR": minute.replace(minute=0, hour=0, day=1, month=1),
    }
    found = [span for span, after, before in spans_after(as_of) if after < starts[span] < before]
    assert len(found) == (minute > as_of)


def test_the_time_of_the_question_may_be_of_any_zone() -> None:
    tokyo = datetime.fromisoformat("2026-01-01T08:59:59+09:00")
    assert spans_after(tokyo) == spans_after(tokyo.astimezone(UTC))


def test_a_ledger_without_a_journal_is_empty(new_database: Callable[[str], str]) -> None:
    url = new_database("empty")
    migrate.upgrade("billing_svc", url)
    engine = make_engine(url, name="test", pool_size=1)
    with engine.connect() as connection:
        assert balances.at(connection, EDGES[0]) == []
    engine.dispose()
