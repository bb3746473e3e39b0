"""Runs a batch of events in one transaction; a batch that fails is redone one by one, and what fails alone is parked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from chassis import dead_letters, failpoints, inbox, metrics, parking, telemetry
from chassis.broker import InRecord
from chassis.database import is_infrastructure
from chassis.envelope import Cause, EnvelopeReader, Received
from chassis.errors import Poison
from chassis.handling import Service, Unit, in_transaction
from chassis.values import time
from chassis.world import Actor, Keys

log = structlog.get_logger(__name__)

MAX_BAD_IN_A_ROW = 50


class TooManyBadRecords(Exception):
    """More than 50 records in a row failed: a bad deploy must not drain a topic into the dead letter queue."""


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A batch by what became of each event; `sent` says that events or dead letters went into the outbox."""

    skipped: list[Received]
    queued: list[Received]
    duplicate: list[Received]
    applied: list[Received]
    sent: bool = False


class EventHandler:
    """Applies records to one service. Infrastructure errors and TooManyBadRecords come out; everything else ends here."""

    def __init__(self, service: Service, randomness: random.Random | None = None) -> None:
        self._service = service
        self._reader = EnvelopeReader(service.catalog)
        self._random = randomness or random.Random()  # noqa: S311 - jitter, no secret
        self._bad_in_a_row = 0

    def handle(self, records: Sequence[InRecord]) -> None:
        """Apply a batch, in its order; what cannot be applied is parked or buried."""
        try:
            done = self._commit([self._reader.read(record) for record in records])
        except Exception as error:
            if is_infrastructure(error):
                raise
            if len(records) == 1:
                self._give_up(records[0], error)
                return
            for record in records:
                self.handle([record])
            return
        if len(records) == 1 and done.queued and self._has_failed(records[0]):
            self._count_bad()
        elif done.applied:  # only that says that handlers work: most of a topic may be skipped or queue behind what failed
            self._bad_in_a_row = 0

    def _commit(self, events: list[Received]) -> _Sorted:
        metrics.EVENT_BATCH.observe(len(events))
        with metrics.DB_DURATION.labels("events").time():
            done = in_transaction(self._service, lambda connection: self._attempt(connection, events))
        failpoints.hit("consumer.after_commit")
        self._count(done)
        if done.sent:
            self._service.on_commit()
        return done

    def _attempt(self, connection: sa.Connection, events: list[Received]) -> _Sorted:
        subscribed = [event for event in events if type(event.payload) in self._service.subscriptions]
        queued = self._queue_behind_parked(connection, subscribed)
        free = _without(subscribed, queued)
        fresh = inbox.claim(connection, self._service.name, free, now=self._service.clock.now())
        sent = apply(self._service, connection, fresh, attempt=1)
        failpoints.hit("consumer.before_commit")
        return _Sorted(_without(events, subscribed), queued, _without(free, fresh), fresh, sent)

    def _queue_behind_parked(self, connection: sa.Connection, events: list[Received]) -> list[Received]:
        if not events:
            return []
        keys = [(event.record.topic, event.stream_key) for event in events]
        blocked = parking.blocked(connection, self._service.name, keys)
        queued = [event for event, key in zip(events, keys, strict=True) if key in blocked]
        for event in queued:
            parking.park(connection, self._service.name, event.record, event.stream_key)
        return queued

    def _count(self, done: _Sorted) -> None:
        results = metrics.INBOX_HANDLED
        results.labels("skipped").inc(len(done.skipped))
        results.labels("queued").inc(len(done.queued))
        results.labels("duplicate").inc(len(done.duplicate))
        results.labels("applied").inc(len(done.applied))
        now = self._service.clock.now()
        for event in done.applied:
            age = (now - time(event.metadata.occur_time)).total_seconds()
            metrics.EVENT_AGE.labels(event.record.topic).observe(max(0.0, age))

    def _has_failed(self, record: InRecord) -> bool:
        """Whether a record that was read again is one that failed before: it still counts as bad."""
        return in_transaction(self._service, lambda c: parking.has_failed(c, self._service.name, record))

    def _give_up(self, record: InRecord, error: Exception) -> None:
        """Bury what cannot be read, park what failed; more than 50 in a row stop the consumer before the next."""
        try:
            event = self._reader.read(record)
        except Poison:
            if in_transaction(self._service, lambda c: dead_letters.is_discarded(c, self._service.name, record)):
                return
            self._count_bad()
            self._bury(record, error)
            return
        self._count_bad()
        self._park(event, error)

    def _count_bad(self) -> None:
        self._bad_in_a_row += 1
        if self._bad_in_a_row > MAX_BAD_IN_A_ROW:
            raise TooManyBadRecords(f"{self._bad_in_a_row} records in a row could not be handled")

    def _bury(self, record: InRecord, error: Exception) -> None:
        """Keep an undecodable record for people, and publish it to the dead letter topic. It blocks no key."""
        log.error("event_poison", topic=record.topic, partition=record.partition, offset=record.offset)
        details = {"stream_key": record.key, "attempts": 1, **parking.failure(error)}
        published = in_transaction(self._service, lambda c: dead_letters.bury(c, self._service, record, details))
        _count_dead(self._service, published)

    def _park(self, event: Received, error: Exception) -> None:
        """Park an event that failed alone; one that can never succeed is dead at once."""
        dead = isinstance(error, Poison)
        with telemetry.bind(telemetry.new_context(traceparent=event.metadata.traceparent)):
            log.error("event_failed", event_id=event.event_id, event_type=event.metadata.event_type, dead=dead, exc_info=error)
        cause: dict[str, Any] = {"attempts": 1, **parking.failure(error)}

        def work(connection: sa.Connection) -> bool:
            state = parking.DEAD if dead else parking.PARKED
            next_time = datetime.now(UTC) + parking.delay(1, self._random)
            row_id = parking.park(
                connection, self._service.name, event.record, event.stream_key, state=state, next_time=next_time, **cause
            )
            about = {"stream_key": event.stream_key, "event_id": event.event_id, "parked_event_id": row_id}
            return dead and dead_letters.bury(connection, self._service, event.record, {**about, **cause})

        published = in_transaction(self._service, work)
        if dead:
            _count_dead(self._service, published)
        else:
            metrics.INBOX_HANDLED.labels("parked").inc()


def apply(service: Service, connection: sa.Connection, events: Sequence[Received], *, attempt: int) -> bool:
    """Let the service react to events, in their order. Returns whether that caused events. An unreadable one is Poison."""
    parsed = [_parse(service, event) for event in events]
    wanted: Keys = frozenset()
    unit = Unit(service, connection, wanted.union(*[keys for _fact, keys in parsed]))
    for event, (fact, _keys) in zip(events, parsed, strict=True):
        cause = _cause(event, attempt)
        context = unit.context(cause)
        failpoints.hit("handler.before", event.stream_key, attempt)
        reaction = service.subscriptions[type(event.payload)]  # type: ignore[index]  # subscribed, so not None
        unit.accept(reaction.react(unit.world, fact, context), context, cause)
    unit.save()
    return bool(unit.sealed)


def _parse(service: Service, event: Received) -> tuple[Any, Keys]:
    reaction = service.subscriptions[type(event.payload)]  # type: ignore[index]  # subscribed, so not None
    try:
        fact = reaction.parse(event.payload, event.metadata)
    except (ValueError, KeyError) as error:
        raise Poison(f"{event.metadata.event_type} cannot be read") from error
    return fact, reaction.keys(fact)


def _cause(event: Received, attempt: int) -> Cause:
    metadata = event.metadata
    actor = Actor(metadata.actor.issuer, metadata.actor.subject, "", metadata.actor.client)
    return Cause(metadata.correlation_id, metadata.event_id, telemetry.child(metadata.traceparent), actor, attempt)


def _without(events: list[Received], others: list[Received]) -> list[Received]:
    """Return the events that are not among the others; the same event twice in a batch is two of them."""
    gone = {id(event) for event in others}
    return [event for event in events if id(event) not in gone]


def _count_dead(service: Service, published: bool) -> None:
    metrics.INBOX_HANDLED.labels("dead").inc()
    if published:
        metrics.DLQ_PUBLISHED.inc()
        service.on_commit()
