"""Runs a batch of events in one transaction; a batch that fails is redone one by one, and what fails alone is parked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from chassis import failpoints, inbox, metrics, parking, telemetry
from chassis.broker import InRecord
from chassis.database import is_infrastructure
from chassis.envelope import Cause, EnvelopeReader, Received
from chassis.errors import Poison
from chassis.handling import Service, Unit, in_transaction
from chassis.world import Actor, Keys

log = structlog.get_logger(__name__)


class EventHandler:
    """Applies records to one service. Infrastructure errors come out; everything else ends here."""

    def __init__(self, service: Service, randomness: random.Random | None = None) -> None:
        self._service = service
        self._reader = EnvelopeReader(service.catalog)
        self._random = randomness or random.Random()  # noqa: S311 - jitter, no secret

    def handle(self, records: Sequence[InRecord]) -> int:
        """Apply a batch. Returns how many records were undecodable or failed, for the consumer's stop rule."""
        metrics.EVENT_BATCH.observe(len(records))
        events, poison = self._decode(records)
        try:
            self._commit(events, poison)
            return len(poison)
        except Exception as error:
            if is_infrastructure(error):
                raise
            if len(records) > 1:
                return sum(self.handle([record]) for record in records)
            self._park(events[0], error)
            return 1

    def _decode(self, records: Sequence[InRecord]) -> tuple[list[Received], list[tuple[InRecord, Poison]]]:
        events, poison = [], []
        for record in records:
            try:
                events.append(self._reader.read(record))
            except Poison as error:
                poison.append((record, error))
        return events, poison

    def _commit(self, events: list[Received], poison: list[tuple[InRecord, Poison]]) -> None:
        sent = in_transaction(self._service, lambda connection: self._attempt(connection, events, poison))
        failpoints.hit("consumer.after_commit")
        if sent:
            self._service.on_commit()

    def _attempt(self, connection: sa.Connection, events: list[Received], poison: list[tuple[InRecord, Poison]]) -> bool:
        for record, error in poison:
            self._bury(connection, record, error)
        subscribed = [event for event in events if type(event.payload) in self._service.subscriptions]
        free = self._queue_behind_parked(connection, subscribed)
        fresh = inbox.claim(connection, self._service.name, free)
        self._count(events, subscribed, free, fresh)
        sent = self._apply(connection, fresh, attempt=1)
        failpoints.hit("consumer.before_commit")
        return sent or bool(poison)

    def _queue_behind_parked(self, connection: sa.Connection, events: list[Received]) -> list[Received]:
        if not events:
            return []
        keys = [(event.record.topic, event.stream_key) for event in events]
        blocked = parking.blocked(connection, self._service.name, keys)
        for event, key in zip(events, keys, strict=True):
            if key in blocked:
                parking.park(connection, self._service.name, event.record, event.stream_key)
        return [event for event, key in zip(events, keys, strict=True) if key not in blocked]

    @staticmethod
    def _count(events: list[Received], subscribed: list[Received], free: list[Received], fresh: list[Received]) -> None:
        results = metrics.INBOX_HANDLED
        results.labels("skipped").inc(len(events) - len(subscribed))
        results.labels("queued").inc(len(subscribed) - len(free))
        results.labels("duplicate").inc(len(free) - len(fresh))
        results.labels("applied").inc(len(fresh))

    def _apply(self, connection: sa.Connection, events: Sequence[Received], *, attempt: int) -> bool:
        parsed = [self._parse(event) for event in events]
        wanted: Keys = frozenset()
        unit = Unit(self._service, connection, wanted.union(*[keys for _fact, keys in parsed]))
        for event, (fact, _keys) in zip(events, parsed, strict=True):
            cause = _cause(event, attempt)
            context = unit.context(cause)
            reaction = self._service.subscriptions[type(event.payload)]  # type: ignore[index]  # subscribed, so not None
            unit.accept(reaction.react(unit.world, fact, context), context, cause)
        unit.save()
        return bool(unit.sealed)

    def _parse(self, event: Received) -> tuple[Any, Keys]:
        reaction = self._service.subscriptions[type(event.payload)]  # type: ignore[index]  # subscribed, so not None
        try:
            fact = reaction.parse(event.payload, event.metadata)
        except (ValueError, KeyError) as error:
            raise Poison(f"{event.metadata.event_type} cannot be read") from error
        return fact, reaction.keys(fact)

    def _bury(self, connection: sa.Connection, record: InRecord, error: Poison) -> None:
        """Keep an undecodable record for people, and publish it to the dead letter topic. It blocks no key."""
        log.error("event_poison", topic=record.topic, partition=record.partition, offset=record.offset)
        self._send_dead_letter(connection, record, {"stream_key": record.key, "attempts": 1, **parking.failure(error)})

    def _park(self, event: Received, error: Exception) -> None:
        """Park an event that failed alone; one that can never succeed is dead at once."""
        dead = isinstance(error, Poison)
        with telemetry.bind(telemetry.new_context(traceparent=event.metadata.traceparent)):
            log.error("event_failed", event_id=event.event_id, event_type=event.metadata.event_type, dead=dead, exc_info=error)
        metrics.INBOX_HANDLED.labels("dead" if dead else "parked").inc()

        def work(connection: sa.Connection) -> None:
            state = parking.DEAD if dead else parking.PARKED
            next_time = datetime.now(UTC) + parking.delay(1, self._random)
            cause: dict[str, Any] = {"attempts": 1, **parking.failure(error)}
            row_id = parking.park(
                connection, self._service.name, event.record, event.stream_key, state=state, next_time=next_time, **cause
            )
            if dead:
                about = {"stream_key": event.stream_key, "event_id": event.event_id, "parked_event_id": row_id}
                self._send_dead_letter(connection, event.record, {**about, **cause})

        in_transaction(self._service, work)
        self._service.on_commit()

    def _send_dead_letter(self, connection: sa.Connection, record: InRecord, details: dict[str, Any]) -> None:
        metrics.DLQ_PUBLISHED.inc()
        parking.bury(connection, self._service.name, record, fresh_id=self._service.ids.new(), details=details)

    def retry_parked(self) -> int:
        """Try the first event of each parked key that is due. Returns how many were handled."""
        handled = 0
        while row := in_transaction(self._service, lambda connection: parking.next_due(connection, self._service.name)):
            handled += self._retry(row)
        return handled

    def _retry(self, row: sa.Row[Any]) -> int:
        record = parking.record_of(row)
        try:
            in_transaction(self._service, lambda connection: self._retry_alone(connection, row, record))
        except Exception as error:
            if is_infrastructure(error):
                raise
            self._fail_again(row, record, error)
            return 0
        self._service.on_commit()
        return 1

    def _retry_alone(self, connection: sa.Connection, row: sa.Row[Any], record: InRecord) -> None:
        if not parking.lock(connection, row.id):
            return
        event = self._reader.read(record)
        fresh = inbox.claim(connection, self._service.name, [event])
        self._apply(connection, fresh, attempt=row.attempts + 1)
        parking.remove(connection, row.id)

    def _fail_again(self, row: sa.Row[Any], record: InRecord, error: Exception) -> None:
        log.error("parked_event_failed", topic=row.topic, attempts=row.attempts + 1, exc_info=error)

        def work(connection: sa.Connection) -> None:
            next_time = datetime.now(UTC) + parking.delay(row.attempts + 1, self._random)
            if parking.fail(connection, row, error, next_time):
                about = {"stream_key": row.stream_key, "event_id": self._event_id(record), "parked_event_id": row.id}
                cause = {"attempts": row.attempts + 1, "first_failure_time": row.first_failure_time}
                self._send_dead_letter(connection, record, {**about, **cause, **parking.failure(error)})

        in_transaction(self._service, work)
        self._service.on_commit()

    def _event_id(self, record: InRecord) -> str | None:
        try:
            return self._reader.read(record).event_id
        except Poison:
            return None


def _cause(event: Received, attempt: int) -> Cause:
    metadata = event.metadata
    actor = Actor(metadata.actor.issuer, metadata.actor.subject, "", metadata.actor.client)
    return Cause(metadata.correlation_id, metadata.event_id, telemetry.child(metadata.traceparent), actor, attempt)
