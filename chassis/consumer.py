"""The consumer: poll a batch, apply it in one transaction, commit, then commit the offsets. One thread, nothing in flight."""

from __future__ import annotations

import threading
import time

import structlog

from chassis import failpoints, metrics
from chassis.broker import Broker, BrokerAway, InRecord, Subscription
from chassis.database import is_infrastructure
from chassis.event_handling import EventHandler
from chassis.handling import Service

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.25
PAUSE_SECONDS = 0.5
RETRY_SECONDS = 0.5
MAX_BAD_IN_A_ROW = 50


class TooManyBadRecords(Exception):
    """More than 50 records in a row failed: a bad deploy must not drain a topic into the dead letter queue."""


class Consumer:
    """Reads the topics of a service's subscriptions as the group that is named like the service."""

    def __init__(self, service: Service, broker: Broker, batch: int = 500) -> None:
        self._service = service
        self._broker = broker
        self._batch = batch
        self._handler = EventHandler(service)
        self._subscription: Subscription | None = None
        self._bad_in_a_row = 0
        self._next_retry = 0.0
        self._rewind = threading.Event()
        self.is_healthy = True
        """False while the database or the broker is away: then the process is not ready to consume."""

    @property
    def topics(self) -> list[str]:
        """The topics it reads."""
        kinds = self._service.catalog.by_payload
        return sorted({kinds[payload].topic for payload in self._service.subscriptions})

    def is_ready(self) -> bool:
        """Whether the group has given it partitions and nothing it needs is away."""
        return self.is_healthy and self._subscription is not None and self._subscription.is_assigned()

    def rewind(self) -> None:
        """Ask the loop to start again at offset 0 of every partition."""
        self._rewind.set()

    def run(self, stopping: threading.Event) -> None:
        """Consume until told to stop. The database or the broker being away is waited for, and counts as no failure."""
        try:
            while not stopping.is_set():
                try:
                    self.step(POLL_SECONDS)
                    self.is_healthy = True
                except Exception as error:
                    if not (isinstance(error, BrokerAway) or is_infrastructure(error)):
                        raise
                    self.is_healthy = False
                    log.warning("consumer_waits", error_class=type(error).__name__)
                    stopping.wait(PAUSE_SECONDS)
        finally:
            self.close()

    def step(self, timeout: float = 0.0) -> int:
        """Handle one batch, and what is due in the parking lot. Returns how many records were read."""
        subscription = self._open()
        if self._rewind.is_set():
            self._rewind.clear()
            subscription.rewind()
        records = subscription.poll(self._batch, timeout)
        if records:
            started = time.perf_counter()
            self._handle(records)
            failpoints.hit("consumer.before_offset_commit")
            subscription.commit()
            metrics.MESSAGING_PROCESS_DURATION.observe(time.perf_counter() - started)
        self._retry_parked()
        return len(records)

    def _open(self) -> Subscription:
        if self._subscription is None:
            self._subscription = self._broker.subscribe(self._service.name, self.topics)
        return self._subscription

    def _handle(self, records: list[InRecord]) -> None:
        """Apply a batch; while the database is away it is tried again, since the records are read already."""
        while True:
            try:
                bad = self._handler.handle(records)
                break
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                self.is_healthy = False
                log.warning("consumer_waits", error_class=type(error).__name__)
                time.sleep(PAUSE_SECONDS)
        self.is_healthy = True
        self._bad_in_a_row = self._bad_in_a_row + bad if bad == len(records) else 0
        if self._bad_in_a_row > MAX_BAD_IN_A_ROW:
            raise TooManyBadRecords(f"{self._bad_in_a_row} records in a row could not be handled")

    def _retry_parked(self) -> None:
        now = time.monotonic()
        if now >= self._next_retry:
            self._next_retry = now + RETRY_SECONDS
            self._handler.retry_parked()

    def retry_parked(self) -> int:
        """Try what is due in the parking lot now."""
        return self._handler.retry_parked()

    def lag(self) -> int:
        """Return how many records are not read yet, as far as is known."""
        return self._subscription.lag() if self._subscription else 0

    def close(self) -> None:
        """Leave the group."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
