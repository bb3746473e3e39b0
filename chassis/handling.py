"""The one path of every message: load a set, decide one by one, save a set, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
import structlog
from google.protobuf.message import Message

from atlas.common.v1.event_metadata_pb2 import EventMetadata
from chassis import outbox, timer_rows
from chassis.clock import Clock
from chassis.contracts import EventCatalog
from chassis.database import RETRYABLE_CODES, sqlstate
from chassis.envelope import Cause, Place, Sealed, seal
from chassis.errors import Conflict
from chassis.ids import IdSource
from chassis.world import Context, Decision, Keys, Timer, World

log = structlog.get_logger(__name__)
C = TypeVar("C")
T = TypeVar("T")
UNIT_TRIES = 5


class StoreProtocol(Protocol):
    """Keeps a service's aggregates."""

    def load(self, connection: sa.Connection, keys: Keys) -> World:
        """Lock and load what the keys name."""
        ...

    def save(self, connection: sa.Connection, world: World) -> None:
        """Write what changed."""
        ...


@dataclass(frozen=True, slots=True)
class Command(Generic[C]):
    """How one RPC is handled. `parse` and `encode` are from wire.py, `decide` from commands.py; `keys` names what to load.

    `encode` gets the world after the decision and its `result`, and returns the response message. `consult` reads into the
    world what hangs on who asks and when; it gets all calls of the command in a batch, so that one statement serves them.
    """

    name: str
    response: type[Message]
    parse: Callable[[Any], C]
    keys: Callable[[C], Keys]
    decide: Callable[[World, C, Context], Decision]
    encode: Callable[[World, Any], Message]
    consult: Callable[[sa.Connection, World, Sequence[tuple[C, Context]]], None] | None = None


@dataclass(frozen=True, slots=True)
class Reaction(Generic[C]):
    """How one event type is handled. `parse` is from wire.py, `react` from reactions.py."""

    parse: Callable[[Any, EventMetadata], C]
    keys: Callable[[C], Keys]
    react: Callable[[World, C, Context], Decision]


@dataclass(frozen=True, slots=True)
class Service:
    """What the chassis has to know of a service to run its messages."""

    name: str
    """The identity in contracts, such as order-svc; also the consumer group and the inbox handler."""
    database: sa.Engine
    store: StoreProtocol
    catalog: EventCatalog
    payload: Callable[[Any], Message]
    """Turns a domain event into its payload message (wire.py)."""
    subscriptions: Mapping[type[Message], Reaction[Any]]
    clock: Clock
    ids: IdSource
    on_commit: Callable[[], None] = field(default=lambda: None)
    """Called after a commit that left events in the outbox."""


class Unit:
    """One transaction of a service: a world, the events it caused so far, and how to save both."""

    def __init__(self, service: Service, connection: sa.Connection, keys: Keys) -> None:
        self._service = service
        self._connection = connection
        self.world = service.store.load(connection, keys)
        self.sealed: list[Sealed] = []
        self.timers: dict[tuple[str, str], tuple[Timer, Cause]] = {}

    def context(self, cause: Cause) -> Context:
        """Return what a decider may know beside the world."""
        return Context(
            now=self._service.clock.now(),
            actor=cause.actor,
            new_id=self._service.ids.new,
            cause_id=cause.causation_id,
        )

    def accept(self, decision: Decision, context: Context, cause: Cause) -> None:
        """Take a decision over into the world, keep its timers, and number and seal its events."""
        self.world.apply(decision, context.now)
        for timer in decision.timers:
            self.timers[timer.kind, timer.key] = timer, cause
        for event in decision.events:
            payload = self._service.payload(event)
            kind = self._service.catalog.by_payload[type(payload)]
            stream_key = str(getattr(payload, kind.key_field))
            aggregate_type, sequence = self.world.next_sequence(stream_key)
            place = Place(self._service.ids.new(), context.now, aggregate_type, stream_key, sequence)
            self.sealed.append(seal(kind, payload, place, cause))

    def save(self) -> None:
        """Write the world, then the timers, then the outbox rows last."""
        self._service.store.save(self._connection, self.world)
        timer_rows.save(self._connection, self.timers.values())
        outbox.append(self._connection, self.sealed)


def in_transaction(service: Service, work: Callable[[sa.Connection], T]) -> T:
    """Run a whole unit of work in one transaction; a serialization failure, deadlock or Conflict runs it again."""
    for attempt in range(1, UNIT_TRIES + 1):
        try:
            with service.database.begin() as connection:
                return work(connection)
        except (sa.exc.DBAPIError, Conflict) as error:
            if attempt == UNIT_TRIES or not (isinstance(error, Conflict) or sqlstate(error) in RETRYABLE_CODES):
                raise
            log.info("unit_retried", attempt=attempt, error_class=type(error).__name__)
    raise AssertionError("unreachable")
