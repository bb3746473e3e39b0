"""B3: the trial balance on 10^6 journals, of now and as of past times, beside that of now on 10^3.

It is read as billing_svc reads it, SQL to response, from memory: each is read a few times and the median counts.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from atlas.billing.v1 import ledger_pb2
from bench.figures import Check, Detail, Outcome, Pair, ratio_of
from bench.ledger_rows import fill, time_of
from bench.stack import Databases, stack
from billing_svc.ledger_queries import LedgerQueries
from chassis import collector
from chassis.clock import ManualClock
from chassis.database import make_engine
from chassis.paging import Pager
from chassis.values import time_message
from chassis.world import SYSTEM

GOAL, PAST = "B3", "B3.past"
FEW, MANY = 1_000, 1_000_000
REPEATS, PAST_TIMES = 15, 25
SUM: Final = sa.text(
    """
SELECT coalesce(sum(amount) FILTER (WHERE amount > 0), 0) FROM entry JOIN journal USING (journal_id) WHERE post_time <= :as_of
"""
)


@dataclass(frozen=True, slots=True)
class Books:
    """A ledger with this many journals, and its queries."""

    database: sa.Engine
    queries: LedgerQueries

    def balance(self, as_of: datetime | None = None) -> ledger_pb2.TrialBalance:
        """Read the trial balance."""
        request = ledger_pb2.GetTrialBalanceRequest(as_of=time_message(as_of) if as_of else None)
        with self.database.begin() as connection:
            return self.queries.get_trial_balance(connection, request, SYSTEM).trial_balance

    def milliseconds(self, as_of: datetime | None = None) -> float:
        """Return how long that takes."""
        started = time.perf_counter()
        self.balance(as_of)
        return (time.perf_counter() - started) * 1000

    def differs(self, as_of: datetime) -> bool:
        """Whether the debits are not the sum of all entries up to then."""
        with self.database.begin() as connection:
            summed = int(connection.execute(SUM, {"as_of": as_of}).scalar_one())
        shown = self.balance(as_of).currencies
        return summed != sum(account.debit_minor_units for each in shown for account in each.accounts)


def run(pairs: int) -> Outcome:
    """Measure on two databases of one stack."""
    chance = random.Random(1)  # noqa: S311 - which times are asked for
    times = [time_of(chance.randint(1, MANY)) for _ in range(PAST_TIMES)]
    with stack("postgres") as addresses:
        databases = Databases(addresses)
        collector.spare_start_up()
        with _books(databases, "many", MANY) as many, _books(databases, "few", FEW) as few:
            for books in (many, few):
                books.balance()
            now = [_now(many, few) for _ in range(pairs)]
            past = [[(many.milliseconds(as_of), few.milliseconds()) for as_of in times] for _ in range(pairs)]
            wrong = sum(many.differs(as_of) for as_of in times[:5])
    medians = [Pair(statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows)) for rows in past]
    slowest = statistics.median(max(row[0] for row in rows) for rows in past)
    details = (Detail(PAST, f"the slowest of {PAST_TIMES} times", slowest, "ms"),)
    checks = (Check(GOAL, "balances that are not the sum of the entries", 0, wrong),)
    return Outcome((ratio_of(GOAL, now), ratio_of(PAST, medians)), details, checks)


def _now(many: Books, few: Books) -> Pair:
    rows = [(many.milliseconds(), few.milliseconds()) for _ in range(REPEATS)]
    return Pair(statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows))


@contextmanager
def _books(databases: Databases, name: str, count: int) -> Iterator[Books]:
    engine = make_engine(databases.fresh("billing_svc", name).get_secret_value(), name="bench", pool_size=2)
    try:
        fill(engine, count)
        yield Books(engine, LedgerQueries(Pager("a secret of the bench"), ManualClock(time_of(count + 1))))
    finally:
        engine.dispose()
