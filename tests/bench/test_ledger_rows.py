"""The ledger that B2 and B3 are measured on is one that billing_svc would have kept, and what they measure answers right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bench import journals, trial_balance, verify
from bench.ledger_rows import fill, time_of
from billing_svc import invariants, tables, verifying
from billing_svc.ledger_queries import LedgerQueries
from chassis import migrate
from chassis.clock import ManualClock, SandboxClock
from chassis.database import make_engine
from chassis.ids import IdSource
from chassis.paging import Pager

COUNT = 200


@pytest.fixture(scope="module")
def url(new_database: Callable[[str], str]) -> str:
    """A database of billing_svc."""
    url = new_database("bench")
    migrate.upgrade("billing_svc", url)
    return url


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[sa.Engine]:
    """It, filled."""
    engine = make_engine(url, name="test", pool_size=2)
    fill(engine, COUNT)
    yield engine
    engine.dispose()


def test_what_was_filled_is_sealed_and_holds(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert [finding for finding in invariants.check(connection) if finding.wrong] == []
        assert [part.journals for part in verifying.parts(connection)] == [COUNT]
        last = connection.execute(sa.text("SELECT max(post_time) FROM journal")).scalar_one()
    assert last == time_of(COUNT)


def test_it_is_verified_to_its_end_and_a_change_is_seen(engine: sa.Engine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "JOURNALS", COUNT)
    found = verify.verify(url)
    assert (found.journals, found.findings) == (COUNT, 0)
    assert found.seconds >= found.longest > 0
    assert found.megabytes > 0
    assert verify.copy(engine) > 0


def test_balances_are_compared_with_the_sum(engine: sa.Engine) -> None:
    clock = ManualClock(time_of(COUNT + 1))
    books = trial_balance.Books(engine, LedgerQueries(Pager("secret"), clock))
    times = [time_of(number) + timedelta(seconds=1) for number in (1, 2, COUNT // 2, COUNT)]
    assert not any(books.differs(as_of) for as_of in times)
    assert books.milliseconds(times[0]) > 0
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE balance SET debit = debit + 1, credit = credit + 1 WHERE span = 'ALL'"))
    assert all(books.differs(as_of) for as_of in times)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE balance SET debit = debit - 1, credit = credit - 1 WHERE span = 'ALL'"))


def test_journals_of_b1_are_posted_and_wait(new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "BATCH", 5)
    url = new_database("bench")
    migrate.upgrade("billing_svc", url)
    engine = make_engine(url, name="test", pool_size=1)
    ours = journals.Ours(engine, IdSource(SandboxClock()))
    assert ours.per_second(3) > 0
    assert journals._check(ours, "journals", tables.journal, 15).holds
    assert journals._check(ours, "journals that wait", tables.unsealed, 15).holds
    engine.dispose()
