"""Tries parked events again, the first of each key only, each in a transaction of its own."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from chassis import dead_letters, inbox, metrics, parking
from chassis.broker import InRecord
from chassis.database import is_infrastructure
from chassis.envelope import EnvelopeReader, Received
from chassis.errors import Poison
from chassis.event_handling import apply
from chassis.handling import Service, in_transaction

log = structlog.get_logger(__name__)

BATCH = 500


class ParkedHandler:
    """Works the parking lot of one service. Several may run: an event is locked while it is tried."""

    def __init__(self, service: Service, randomness: random.Random | None = None) -> None:
        self._service = service
        self._reader = EnvelopeReader(service.catalog)
        self._random = randomness or random.Random()  # noqa: S311 - jitter, no secret

    def retry_due(self) -> int:
        """Try what is due now, at most 500 events. Returns how many were handled."""
        handled = 0
        for _ in range(BATCH):
            row = in_transaction(self._service, lambda connection: parking.next_due(connection, self._service.name))
            if row is None:
                break
            handled += self._retry(row)
        return handled

    def _retry(self, row: sa.Row[Any]) -> int:
        record = parking.record_of(row)
        try:
            done = in_transaction(self._service, lambda connection: self._attempt(connection, row, record))
        except Exception as error:
            if is_infrastructure(error):
                raise
            self._fail_again(row, record, error)
            return 0
        self._service.on_commit()
        return int(done)

    def _attempt(self, connection: sa.Connection, row: sa.Row[Any], record: InRecord) -> bool:
        if not parking.lock(connection, row):
            return False
        event = self._reader.read(record)
        if type(event.payload) in self._service.subscriptions and self._is_fresh(connection, row, event):
            apply(self._service, connection, [event], attempt=row.attempts + 1)
        parking.remove(connection, row.id)
        return True

    def _is_fresh(self, connection: sa.Connection, row: sa.Row[Any], event: Received) -> bool:
        """An event that failed itself was new then, whatever number its stream has reached; a queued one may be any."""
        if row.state == parking.PARKED:
            return inbox.record(connection, self._service.name, event.record.topic, event.metadata)
        return bool(inbox.claim(connection, self._service.name, [event], now=self._service.clock.now()))

    def _fail_again(self, row: sa.Row[Any], record: InRecord, error: Exception) -> None:
        log.error("parked_event_failed", topic=row.topic, attempts=row.attempts + 1, exc_info=error)
        if in_transaction(self._service, lambda connection: self._record_failure(connection, row, record, error)):
            metrics.DLQ_PUBLISHED.inc()
            self._service.on_commit()

    def _record_failure(self, connection: sa.Connection, row: sa.Row[Any], record: InRecord, error: Exception) -> bool:
        """Count the failure. Returns whether a dead letter was published."""
        details = {"stream_key": row.stream_key, "attempts": row.attempts + 1, **parking.failure(error)}
        try:
            details["event_id"] = self._reader.read(record).event_id
        except Poison:  # still unreadable, so its number is unknown and its key does not wait for it
            parking.remove(connection, row.id)
            return dead_letters.bury(connection, self._service, record, details)
        next_time = datetime.now(UTC) + parking.delay(row.attempts + 1, self._random)
        if not parking.fail(connection, row, error, next_time):
            return False
        details |= {"parked_event_id": row.id, "first_failure_time": row.first_failure_time}
        return dead_letters.bury(connection, self._service, record, details)
