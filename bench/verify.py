"""B2: verifying 10^6 sealed journals to the end of the chain, part by part, beside a COPY of the same rows.

A process of its own verifies, so that its memory is what verifying takes; PostgreSQL computes the hashes.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, cast

import psycopg
import sqlalchemy as sa

from bench.figures import Check, Detail, Outcome, Pair, ratio_of
from bench.ledger_rows import fill
from bench.processes import peak_megabytes
from bench.stack import Databases, stack
from billing_svc import invariants, verifying
from chassis.database import make_engine

GOAL = "B2"
JOURNALS = 1_000_000


@dataclass(frozen=True, slots=True)
class Verified:
    """One run over the whole ledger: seconds, the longest call's, journals read, findings, and peak memory in MB."""

    seconds: float
    longest: float
    journals: int
    findings: int
    megabytes: float


def run(pairs: int) -> Outcome:
    """Measure on one database of one stack."""
    with stack("postgres") as addresses:
        url = Databases(addresses).fresh("billing_svc", "ledger").get_secret_value()
        engine = make_engine(url, name="bench", pool_size=2)
        fill(engine, JOURNALS)
        verified, copied = [], []
        for _ in range(pairs):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                verified.append(pool.submit(verify, url).result())
            copied.append(copy(engine))
        engine.dispose()
    rows = [Pair(it.seconds * 1000, seconds * 1000) for it, seconds in zip(verified, copied, strict=True)]
    return Outcome((ratio_of(GOAL, rows),), _details(verified), _checks(verified))


def verify(url: str) -> Verified:
    """Verify the whole ledger as VerifyLedger does, call by call."""
    engine = make_engine(url, name="bench", pool_size=2)
    after, journals, findings, calls = 0, 0, 0, []
    while True:
        started = time.perf_counter()
        with engine.begin() as connection:
            part = verifying.part_after(connection, after)
            if part is None:
                raise RuntimeError(f"nothing is sealed at {after}: the run is void")
            wrong = list(part.wrong)
            if part.is_last:
                wrong += [*verifying.whole(connection), *invariants.sub_ledgers(connection)]
        calls.append(time.perf_counter() - started)
        after, journals, findings = part.sequence, journals + part.journals, findings + len(wrong)
        if part.is_last:
            break
    engine.dispose()
    return Verified(sum(calls), max(calls), journals, findings, peak_megabytes(os.getpid()))


def copy(engine: sa.Engine) -> float:
    """Return the seconds that it takes to read every journal and entry out of PostgreSQL and do nothing with them."""
    started = time.perf_counter()
    with engine.begin() as connection:
        driver = cast(psycopg.Connection[Any], connection.connection.driver_connection)
        for table in (b"journal", b"entry"):
            with driver.cursor() as cursor, cursor.copy(b"COPY " + table + b" TO STDOUT") as rows:
                for _ in rows:
                    pass
    return time.perf_counter() - started


def _details(verified: Sequence[Verified]) -> tuple[Detail, ...]:
    return (
        Detail(GOAL, "the longest call", statistics.median(it.longest for it in verified) * 1000, "ms"),
        Detail(GOAL, "peak memory of the process that verifies", max(it.megabytes for it in verified), "MB"),
    )


def _checks(verified: Sequence[Verified]) -> tuple[Check, ...]:
    return (
        Check(GOAL, "journals verified", JOURNALS * len(verified), sum(it.journals for it in verified)),
        Check(GOAL, "findings in an untouched ledger", 0, sum(it.findings for it in verified)),
    )
