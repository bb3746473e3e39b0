"""The relay: the one process that publishes a service's outbox, in order per key, at least once."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import chain

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql as pg

from chassis import failpoints, metrics, outbox
from chassis.broker import BrokerAway, OutRecord, Publisher
from chassis.database import is_infrastructure
from chassis.tables import relay_state

log = structlog.get_logger(__name__)

BATCH = 500
BACKLOG = 5_000  # a round after a full one: fewer acknowledgements and commits to wait for
SHORTEST_WAIT, LONGEST_WAIT = 0.02, 0.25
UNFLOORED_SECONDS = 10.0
CLUSTER_CHECK_SECONDS = 2.0
LOCK_ID = 4_711_001  # the advisory lock of the leader, in the service's own database
_LEAD = sa.select(sa.func.pg_try_advisory_lock(LOCK_ID))
_Sent = tuple[int, tuple[str, str]]
"""The id of a row, and its topic and key: all that is kept of it until its acknowledgement."""


class Relay:
    """Publishes pending rows while it holds the database's advisory lock; a second relay only waits for the lock."""

    def __init__(self, database: sa.Engine, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._leader: sa.Connection | None = None
        self._floor = 0
        self._limit = BATCH
        self._next_unfloored = 0.0
        self._next_cluster_check = 0.0
        self._cluster_id = ""
        self._wake = threading.Event()
        self._closed = False

    def wake(self) -> None:
        """Say that there is something to publish."""
        self._wake.set()

    def stop(self) -> None:
        """Say that the process is to end: a broker that is away is not waited for any longer than a flush takes."""
        self._publisher.hurry()
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Publish until told to stop; a broker or database that is away is waited for."""
        wait = SHORTEST_WAIT
        while not stopping.is_set():
            try:
                published = self.step()
                wait = SHORTEST_WAIT if published else min(LONGEST_WAIT, wait * 2)
                if published >= BATCH:
                    continue
            except Exception as error:
                if not (isinstance(error, BrokerAway) or is_infrastructure(error)):
                    raise
                log.warning("relay_waits", error_class=type(error).__name__)
                self._resign()
                wait = LONGEST_WAIT
            if self._wake.wait(wait):
                self._wake.clear()
        self.close()

    def close(self) -> None:
        """Flush the publisher and give up the lead; once, since a flush without a broker takes its 10 s each time."""
        if not self._closed:
            self._closed = True
            self._publisher.close()
        self._resign()

    def step(self) -> int:
        """Publish what is pending, as far as one round goes. Returns how many rows; 0 also where another relay leads."""
        leader = self._lead()
        if leader is None:
            return 0
        self._follow_cluster(leader)
        rows: list[_Sent] = []
        with closing(self._pending(leader, rows)) as records:
            first = next(records, None)
            if first is None:
                metrics.OUTBOX_PENDING.set(0)
                metrics.OUTBOX_OLDEST_AGE.set(0)
                self._limit = BATCH
                return 0
            acked = self._publisher.publish(chain((first,), records))
        metrics.RELAY_BATCH.observe(len(rows))
        failpoints.hit("relay.before_mark")
        done = _acknowledged_prefixes(rows, acked)
        with metrics.DB_DURATION.labels("relay").time(), leader.begin():
            outbox.mark(leader, done)
        self._floor = max(done, default=self._floor) if len(done) == len(rows) else self._floor
        self._limit = BACKLOG if len(rows) == self._limit else BATCH
        return len(done)

    def _pending(self, leader: sa.Connection, rows: list[_Sent]) -> Generator[OutRecord]:
        """Read one round and note its rows, while the publisher sends the first ones already.

        It is one statement, so one snapshot: of a key, nothing is read without what was committed before it.
        """
        with leader.begin():
            for row_id, record in outbox.pending(leader, floor=self._next_floor(), limit=self._limit):
                rows.append((row_id, (record.topic, record.key)))
                yield record

    def _next_floor(self) -> int:
        """Return the id to start from; now and then 0, since a low id may commit late."""
        now = time.monotonic()
        if now >= self._next_unfloored:
            self._next_unfloored = now + UNFLOORED_SECONDS
            return 0
        return max(0, self._floor - 2 * BACKLOG)

    def _lead(self) -> sa.Connection | None:
        """Return the connection that holds the advisory lock; all work goes over it, so a lost lock stops the work."""
        if self._leader is not None:
            return self._leader
        connection = self._database.connect()
        leads = bool(connection.execute(_LEAD).scalar())
        connection.commit()
        if not leads:
            connection.close()
            return None
        log.info("relay_leads")
        self._leader = connection
        return connection

    def _resign(self) -> None:
        """Drop the connection that holds the lock; the lock goes with it. Whoever leads next asks for the cluster first."""
        self._next_cluster_check = 0.0
        if self._leader is not None:
            self._leader.invalidate()
            self._leader.close()
            self._leader = None

    def _follow_cluster(self, leader: sa.Connection) -> None:
        """Publish the retained outbox again when the broker is another cluster than the one it was published to."""
        now = time.monotonic()
        if now < self._next_cluster_check:
            return
        cluster_id = self._publisher.cluster_id()
        if self._cluster_id and cluster_id != self._cluster_id:
            self._publisher.renew()
        self._cluster_id = cluster_id
        with leader.begin():
            known = leader.execute(sa.select(relay_state.c.cluster_id)).scalar()
            if known != cluster_id:
                if known is not None:
                    log.warning("relay_republishes", rows=outbox.reopen(leader))
                statement = pg.insert(relay_state).values(id=1, cluster_id=cluster_id)
                leader.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"cluster_id": cluster_id}))
                self._floor = 0
        self._next_cluster_check = now + CLUSTER_CHECK_SECONDS


def _acknowledged_prefixes(rows: Sequence[_Sent], acked: Sequence[bool]) -> list[int]:
    """Return the ids to mark: per key only what comes before the first record without an ack."""
    stopped: set[tuple[str, str]] = set()
    done = []
    for (row_id, key), ok in zip(rows, acked, strict=True):
        if not ok:
            stopped.add(key)
        elif key not in stopped:
            done.append(row_id)
    return done


def measure(connection: sa.Connection, now: datetime) -> None:
    """Set the gauges of what waits in the outbox; `now` is by the clock that events are stamped with."""
    count, oldest = outbox.count_pending(connection)
    metrics.OUTBOX_PENDING.set(count)
    metrics.OUTBOX_OLDEST_AGE.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)
