"""Drives the counter service in a test: what others publish, what people ask, what is in its tables afterwards."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from atlas.orders.v1 import order_events_pb2, order_service_pb2
from chassis.application import Application
from chassis.broker import Broker, InRecord, OutRecord
from chassis.clock import Clock, ManualClock
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.envelope import Cause, Place, seal
from chassis.event_handling import EventHandler
from chassis.idempotency import KeyedRequest, hash_request
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from chassis.parked_handling import ParkedHandler
from chassis.settings import Settings
from chassis.tables import parked_event, publication
from chassis.world import SYSTEM, Actor
from tests.chassis.counter import IN, OUT, Faults, build, count_command, counts
from tests.timers import asked_in_turn

DEADLINE_SECONDS = 20.0
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
ALICE = Actor("https://issuer.test", "alice-id", "alice", "atlas-cli", frozenset({"orders:cancel"}), human=True)
BOB = Actor("https://issuer.test", "bob-id", "bob", "atlas-cli", frozenset({"orders:cancel"}), human=True)


class LatestTry(random.Random):
    """Jitter that always waits the longest, so that nothing becomes due by chance."""

    def uniform(self, a: float, b: float) -> float:
        """Return the upper end."""
        return b


def settings(database_url: str, **changes: Any) -> Settings:
    """Settings of the dev profile on a database."""
    return Settings.model_validate({"profile": "dev", "database_url": database_url, **changes})


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail where it does not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def new_key() -> str:
    """A counter id nobody else has."""
    return str(uuid.uuid4())


@dataclass
class Bench:
    """One service on one database, and the messages around it."""

    database_url: str
    broker: Broker = field(default_factory=MemoryBroker)
    clock: Clock = field(default_factory=lambda: ManualClock(START))
    faults: Faults = field(default_factory=Faults)
    identity: str = "order-svc"
    topics: dict[str, str] = field(default_factory=lambda: {IN: IN, OUT: OUT})
    settings_changes: dict[str, Any] = field(default_factory=dict)
    _sequences: dict[str, int] = field(default_factory=dict)
    _offsets: int = 0

    def __post_init__(self) -> None:
        self._ids = IdSource(self.clock, random.Random(7))
        self.app = self.new_application()

    def new_application(self) -> Application:
        """Another process of the same service; the caller closes it."""
        application = build(
            settings(self.database_url, **self.settings_changes),
            self.clock,
            self.broker,
            self._ids,
            faults=self.faults,
            identity=self.identity,
            topics=self.topics,
        )
        return asked_in_turn(application)

    def restart(self) -> Application:
        """End the process, which takes its connections with it, and start another one."""
        self.app.close()
        self.app = self.new_application()
        return self.app

    @property
    def events(self) -> EventHandler:
        """A handler of events whose retries wait as long as they may."""
        return EventHandler(self.app.service, LatestTry())

    @property
    def parked(self) -> ParkedHandler:
        """A handler of the parking lot whose retries wait as long as they may."""
        return ParkedHandler(self.app.service, LatestTry())

    def call(self, counter_id: str, label: str = "c", *, key: str = "", actor: Actor = ALICE) -> CommandCall:
        """A call of the command, under a key of its own unless one is given."""
        request = order_service_pb2.CancelOrderRequest(order_id=counter_id, reason=1, comment=label)  # type: ignore[arg-type]
        command = count_command(self.faults)
        keyed = KeyedRequest(actor.key, command.name, key or str(uuid.uuid4()), hash_request(request))
        return CommandCall(command, command.parse(request), keyed, Cause("corr", "req", TRACE, actor), label)

    def count(self, counter_id: str, label: str = "c", *, key: str = "", actor: Actor = ALICE) -> Answer:
        """Run the command once."""
        (answer,) = run_commands(self.app.service, [self.call(counter_id, label, key=key, actor=actor)])
        return answer

    def record(self, counter_id: str, label: str, **changes: Any) -> InRecord:
        """The next event of a counter's stream, as the consumer reads it."""
        self._sequences[counter_id] = self._sequences.get(counter_id, 0) + 1
        sequence = changes.get("sequence", self._sequences[counter_id])
        kind = self.app.service.catalog.by_payload[order_events_pb2.OrderConfirmed]
        line = order_events_pb2.LineQuantity(line_number=1, sku=label, quantity=1)
        payload = order_events_pb2.OrderConfirmed(order_id=counter_id, lines=[line])
        place = Place(changes.get("event_id") or str(uuid.uuid4()), self.clock.now(), "Order", counter_id, sequence)
        sealed = seal(kind, payload, place, Cause("corr", "cause", TRACE, SYSTEM))
        return self.raw(sealed.value, key=counter_id, headers=dict(sealed.headers))

    def raw(self, value: bytes, *, key: str = "", headers: dict[str, str] | None = None) -> InRecord:
        """Any bytes, at the next offset."""
        self._offsets += 1
        return InRecord(self.topics[IN], 0, self._offsets, key, value, headers or {})

    def send(self, *records: InRecord) -> None:
        """Put records on the memory broker's topic."""
        assert isinstance(self.broker, MemoryBroker)
        for record in records:
            self.broker.append(OutRecord(record.topic, record.key, record.value, record.headers))

    def settle(self) -> None:
        """Consume and publish until nothing is left to read."""
        while self.app.consumer.step() + self.app.relay.step():
            pass

    def labels(self, counter_id: str) -> list[str]:
        """What a counter has counted, in order."""
        statement = sa.select(counts.c.label).where(counts.c.counter_id == counter_id).order_by(counts.c.position)
        return list(self.query(statement).scalars())

    def query(self, statement: sa.Executable) -> sa.Result[Any]:
        """Run one statement in a transaction of its own."""
        with self.app.database.begin() as connection:
            return connection.execute(statement).freeze()()

    def rows(self, table: sa.Table) -> Sequence[sa.Row[Any]]:
        """All rows of a table, by its primary key."""
        return self.query(sa.select(table).order_by(*table.primary_key)).all()

    def cut_connections(self) -> None:
        """Let the server end every connection of the service, as a restart of it would."""
        self._terminate(
            b"select pid from pg_stat_activity where datname = current_database() and application_name = 'order-svc'"
        )

    def cut_leader(self) -> None:
        """Let the server end the connection that holds the relay's lock, and no other."""
        self._terminate(
            b"select l.pid from pg_locks l join pg_database d on d.oid = l.database"
            b" where d.datname = current_database() and l.locktype = 'advisory' and l.granted"
        )

    def _terminate(self, backends: bytes) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as server:
            for (pid,) in server.execute(backends).fetchall():
                server.execute("select pg_terminate_backend(%s)", (pid,))

    def advance(self, by: timedelta) -> None:
        """Move the clock, which stands still by itself."""
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(by)

    def make_due(self) -> None:
        """Let every parked event be due now."""
        with self.app.database.begin() as connection:
            connection.execute(sa.update(parked_event).values(next_time=sa.func.now()))

    def pending(self) -> int:
        """How many events wait in the outbox."""
        statement = sa.select(sa.func.count()).where(publication.c.publish_time.is_(None))
        return int(self.query(statement).scalar_one())

    def published(self) -> list[OutRecord]:
        """What the memory broker has on the service's own topic."""
        assert isinstance(self.broker, MemoryBroker)
        return self.broker.topic(self.topics[OUT])
