"""The memory broker in a process of its own, for services in processes of their own; a poll waits for the first record."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from multiprocessing.managers import BaseManager
from typing import Any

from chassis.broker import Broker, InRecord, OutRecord, Publisher, Subscription
from chassis.memory_broker import MemoryBroker, MemorySubscription


class WaitingBroker(MemoryBroker):
    """A memory broker that wakes who waits for a record."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Condition()

    def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a group, at what it has committed."""
        return _WaitingSubscription(self, group, topics)

    def append(self, record: OutRecord) -> None:
        """Append a record and wake the readers."""
        with self.arrived:
            super().append(record)
            self.arrived.notify_all()


class _WaitingSubscription(MemorySubscription):
    def __init__(self, broker: WaitingBroker, group: str, topics: Sequence[str]) -> None:
        super().__init__(broker, group, topics)
        self._arrived = broker.arrived

    def poll(self, limit: int, timeout: float) -> list[InRecord]:
        """Return what is there, or wait for it."""
        deadline = time.monotonic() + timeout
        with self._arrived:
            while not (records := super().poll(limit, timeout)) and (left := deadline - time.monotonic()) > 0:
                self._arrived.wait(left)
            return records


class BrokerHost(BaseManager):
    """Runs the broker in a process of its own; `broker()` returns a proxy, also from other processes."""

    def broker(self) -> Broker:
        """Return the one broker."""
        return _RemoteBroker(self._broker())  # type: ignore[attr-defined]  # registered below


class _RemoteBroker:
    """What a process sees of it: what is published travels as one list."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self.subscribe = broker.subscribe
        self.partitions = broker.partitions

    def publisher(self, client: str) -> Publisher:
        """Make a publisher."""
        return _RemotePublisher(self._broker.publisher(client))


class _RemotePublisher:
    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)

    def publish(self, records: Iterable[OutRecord]) -> list[bool]:
        acked: list[bool] = self._publisher.publish(list(records))
        return acked


_BROKER = WaitingBroker()
BrokerHost.register(
    "_broker",
    lambda: _BROKER,
    exposed=("publisher", "subscribe", "partitions"),
    method_to_typeid={"publisher": "_publisher", "subscribe": "_subscription"},
)
BrokerHost.register("_publisher", create_method=False, exposed=("cluster_id", "publish", "renew", "hurry", "close"))
BrokerHost.register("_subscription", create_method=False, exposed=("poll", "commit", "rewind", "lag", "is_assigned", "close"))
