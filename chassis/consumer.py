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
from chassis.parked_handling import ParkedHandler

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.25
PAUSE_SECONDS = 0.5
RETRY_SECONDS = 0.5
LAG_SECONDS = 1.0


class Consumer:
    """Reads the topics of a service's subscriptions as the group that is named like the service."""

    def __init__(self, service: Service, broker: Broker, batch: int = 500) -> None:
        self._service = service
        self._broker = broker
        self._batch = batch
        self._handler = EventHandler(service)
        self._parked = ParkedHandler(service)
        self._subscription: Subscription | None = None
        self._unhandled: list[InRecord] = []
        """What was read and could not be handled, because the database is away."""
        self._commit_due = False
        self._next_retry = 0.0
        self._next_lag = 0.0
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
        """Handle one batch, and what is due in the parking lot. Returns how many records were read.

        After a failure of the infrastructure the next step goes on with the same batch.
        """
        subscription = self._open()
        if self._rewind.is_set() and subscription.is_assigned():
            self._rewind.clear()
            self._unhandled = []
            subscription.rewind()
        records = self._unhandled or subscription.poll(self._batch, timeout)
        if records:
            self._handle(records)
        if self._commit_due:
            subscription.commit()
            self._commit_due = False
        self._retry_parked()
        self._measure(subscription)
        return len(records)

    def _open(self) -> Subscription:
        if self._subscription is None:
            self._subscription = self._broker.subscribe(self._service.name, self.topics)
        return self._subscription

    def _handle(self, records: list[InRecord]) -> None:
        started = time.perf_counter()
        self._unhandled = records
        self._handler.handle(records)
        self._unhandled = []
        self._commit_due = True
        failpoints.hit("consumer.before_offset_commit")
        metrics.MESSAGING_PROCESS_DURATION.observe(time.perf_counter() - started)

    def _retry_parked(self) -> None:
        now = time.monotonic()
        if now >= self._next_retry:
            self._next_retry = now + RETRY_SECONDS
            self.retry_parked()

    def retry_parked(self) -> int:
        """Try what is due in the parking lot now. Returns how many events were handled."""
        return self._parked.retry_due()

    def _measure(self, subscription: Subscription) -> None:
        now = time.monotonic()
        if now >= self._next_lag:
            self._next_lag = now + LAG_SECONDS
            for topic, lag in subscription.lag().items():
                metrics.CONSUMER_LAG.labels(topic).set(lag)

    def lag(self) -> int:
        """Return how many records are not read yet, as far as is known."""
        return sum(self._subscription.lag().values()) if self._subscription else 0

    def close(self) -> None:
        """Leave the group."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
