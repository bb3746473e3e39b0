"""What must hold of services once they are at rest: everything published, every invariant kept, nothing parked."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from bench.figures import Check
from bench.raw_kafka import Cluster
from bench.stack import Databases
from chassis.application import Finding
from chassis.database import make_engine
from chassis.tables import outbox, parked_event, publication

LIMIT_SECONDS = 900.0
PAUSE_SECONDS = 0.05
_PENDING = sa.select(sa.func.count()).select_from(publication).where(publication.c.publish_time.is_(None))
_PARKED = sa.select(sa.func.count()).select_from(parked_event)
_BY_TOPIC = sa.select(outbox.c.topic, sa.func.count()).group_by(outbox.c.topic)
_CONFIRMED = sa.text("SELECT count(*) FROM orders WHERE state = 'CONFIRMED'")


class Books:
    """The databases of some services, as an auditor reads them."""

    def __init__(self, databases: Databases, packages: Sequence[str]) -> None:
        self._engines = {package: make_engine(databases.url(package), name="bench", pool_size=2) for package in packages}

    def close(self) -> None:
        """Give the connections back."""
        for engine in self._engines.values():
            engine.dispose()

    def confirmed(self) -> int:
        """Count the confirmed orders."""
        with self._engines["order_svc"].connect() as connection:
            return int(connection.execute(_CONFIRMED).scalar_one())

    def wait_for_confirmed(self, count: int) -> None:
        """Wait until so many orders are confirmed."""
        self._until(lambda: self.confirmed() >= count, f"{count} orders are not confirmed")

    def wait_for_outboxes(self) -> None:
        """Wait until every outbox is published."""
        self._until(lambda: not any(self._count(package, _PENDING) for package in self._engines), "an outbox is not published")

    def checks(self, goal: str) -> tuple[Check, ...]:
        """Read every database; nothing may be under way."""
        wrong = sum(len(finding.wrong) for package in self._engines for finding in self._findings(package))
        parked = sum(self._count(package, _PARKED) for package in self._engines)
        return (
            Check(goal, "broken invariants", 0, wrong),
            Check(goal, "parked events", 0, parked),
        )

    def published(self, goal: str, cluster: Cluster) -> tuple[Check, ...]:
        """Compare every outbox with how many records its topics have."""
        found = []
        for engine in self._engines.values():
            with engine.connect() as connection:
                counts = connection.execute(_BY_TOPIC).all()
            found += [
                Check(goal, f"events in {topic}, as in the outbox", count, sum(cluster.ends(topic).values()))
                for topic, count in counts
            ]
        return tuple(found)

    def _findings(self, package: str) -> list[Finding]:
        check: Callable[[sa.Connection], list[Finding]] = importlib.import_module(f"{package}.invariants").check
        with self._engines[package].connect() as connection:
            return check(connection)

    def _count(self, package: str, statement: sa.Select[int]) -> int:
        with self._engines[package].connect() as connection:
            return connection.execute(statement).scalar_one()

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{otherwise}: the run is void")
            time.sleep(PAUSE_SECONDS)
