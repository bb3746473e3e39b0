"""B1: journals written by billing_svc's store, beside pgbench with the same inserts in the same batches.

The triggers of the ledger are on in both. What they cost is a detail: pgbench once more, without them.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bench.figures import Check, Detail, Outcome, Pair, ratio_of
from bench.floor import Floor
from bench.stack import Databases, pgbench, stack
from billing_svc.domain.ledger import stock_received
from billing_svc.posting import PostedJournal
from billing_svc.settings import Settings
from billing_svc.store import STORE
from billing_svc.tables import journal, unsealed
from chassis import collector
from chassis.clock import SandboxClock
from chassis.database import make_engine
from chassis.ids import IdSource
from chassis.money import Money
from chassis.world import World

GOAL = "B1"
BATCH: int = Settings.model_fields["batch_events"].default
BATCHES, SECONDS = 10, 3
_ID = "lpad((CAST(:start AS bigint) + CAST(:i AS bigint) * 1000 + n)::text, 32, '0')::uuid"
_SCRIPT = f"""
\\set i :i + 1
\\startpipeline
BEGIN;
INSERT INTO journal (journal_id, ref, kind, order_id, invoice_id, source_event_id, post_time)
SELECT id, 'stock/' || id, 'STOCK', NULL, NULL, id, now() FROM (SELECT {_ID} AS id FROM generate_series(1, {BATCH}) AS n) AS ids
ON CONFLICT (ref) DO NOTHING RETURNING journal_id;
INSERT INTO entry (journal_id, currency_code, line, account, amount)
SELECT {_ID}, 'EUR', line, CASE line WHEN 1 THEN '1200' ELSE '2050' END, CASE line WHEN 1 THEN 1999 ELSE -1999 END
FROM generate_series(1, {BATCH}) AS n, generate_series(1, 2) AS line;
COMMIT;
\\endpipeline
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Ours:
    """billing_svc's store on a database of its own."""

    database: sa.Engine
    ids: IdSource

    def per_second(self, batches: int) -> float:
        """Post so many batches, each in a transaction; how many journals a second."""
        worlds = [self._world() for _ in range(batches)]
        started = time.perf_counter()
        for world in worlds:
            with self.database.begin() as connection:
                STORE.save(connection, world)
        return batches * BATCH / (time.perf_counter() - started)

    def _world(self) -> World:
        world, now = World(), SandboxClock().now()
        for _ in range(BATCH):
            (posted,) = stock_received(str(uuid.uuid4()), Money("EUR", 1999))
            world.put(PostedJournal(self.ids.new(), posted, str(uuid.uuid4()), now), now)
        return world


def run(pairs: int) -> Outcome:
    """Measure on three databases of one stack: ours, the floor's, and one without triggers."""
    with stack("postgres") as addresses, tempfile.TemporaryDirectory(prefix="atlas-bench-") as folder:
        databases, script = Databases(addresses), Path(folder, "journals.sql")
        script.write_text(_SCRIPT)
        floor, bare = _floor(databases, "floor"), _floor(databases, "bare")
        with psycopg.connect(bare.url) as connection:
            connection.execute("ALTER TABLE journal DISABLE TRIGGER ALL; ALTER TABLE entry DISABLE TRIGGER ALL")
        with _ours(databases) as ours:
            collector.spare_start_up()
            ours.per_second(2)
            rows, without = [], []
            for _ in range(pairs):
                measured, limit = ours.per_second(BATCHES), _rate(floor, script)
                rows.append(Pair(measured, limit))
                without.append(Pair(limit, _rate(bare, script)))
            posted = (2 + pairs * BATCHES) * BATCH
            checks = (_check(ours, "journals", journal, posted), _check(ours, "journals that wait", unsealed, posted))
    costs = [(1 / pair.measured - 1 / pair.floor) * 1e6 for pair in without]
    figure = ratio_of(GOAL, rows)
    detail = Detail(GOAL, "the triggers, of a journal of two entries", sorted(costs)[len(costs) // 2], "µs")
    return Outcome((figure,), (detail,), checks)


def _rate(floor: Floor, script: Path) -> float:
    return floor.run(str(script), clients=1, seconds=SECONDS).per_second * BATCH


def _check(ours: Ours, what: str, table: sa.Table, posted: int) -> Check:
    with ours.database.connect() as connection:
        return Check(GOAL, what, posted, connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _floor(databases: Databases, name: str) -> Floor:
    return Floor(pgbench(), databases.fresh("billing_svc", name).get_secret_value())


@contextmanager
def _ours(databases: Databases) -> Iterator[Ours]:
    engine = make_engine(databases.fresh("billing_svc", "ours").get_secret_value(), name="bench", pool_size=2)
    try:
        yield Ours(engine, IdSource(SandboxClock()))
    finally:
        engine.dispose()
