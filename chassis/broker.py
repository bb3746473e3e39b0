"""What a broker has to do for us; Kafka and the memory broker both do it, and one test suite runs against both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutRecord:
    """A record to publish. The key picks the partition."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InRecord:
    """A record as it was read. Headers that are not text are dropped."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class BrokerAway(Exception):
    """The broker does not answer. Infrastructure: tried again for ever."""


class OffsetLost(Exception):
    """The broker no longer has what a group has to read next. Nobody may guess where to go on: the process stops."""


class Publisher(Protocol):
    """Publishes records, in order per key."""

    def cluster_id(self) -> str:
        """Return the id of the cluster behind the address. Raises BrokerAway."""
        ...

    def publish(self, records: Iterable[OutRecord]) -> list[bool]:
        """Publish as the records come, then wait for the acks; say for each record whether it was acknowledged."""
        ...

    def renew(self) -> None:
        """Start anew: another cluster knows nothing of this publisher, and what is under way was for the old one."""
        ...

    def hurry(self) -> None:
        """Wait for acks for 10 s more at most, whatever is under way: the process is to end. Any thread may say so."""
        ...

    def close(self) -> None:
        """Flush what is under way, for at most 10 s."""
        ...


class Subscription(Protocol):
    """A member of a consumer group."""

    def poll(self, limit: int, timeout: float) -> list[InRecord]:
        """Return up to `limit` records, waiting up to `timeout` seconds for the first. Raises BrokerAway, OffsetLost."""
        ...

    def commit(self) -> None:
        """Commit the position behind everything that poll has returned, and wait for the answer."""
        ...

    def rewind(self) -> None:
        """Start again at the first offset of every partition."""
        ...

    def lag(self) -> Mapping[str, int]:
        """Return how many records of each topic are not read yet, as far as is known."""
        ...

    def is_assigned(self) -> bool:
        """Whether the group has given this member its partitions."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Broker(Protocol):
    """Makes publishers and subscriptions."""

    def publisher(self, client: str) -> Publisher:
        """Make a publisher; `client` is shown in the broker's logs."""
        ...

    def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a consumer group."""
        ...

    def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """Return how many partitions each of these topics has; one that deploy has not made has none. Raises BrokerAway."""
        ...
