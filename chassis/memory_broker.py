"""A broker in memory for the deterministic saga tests: partitions, groups, offsets, and nothing that waits."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from chassis import failpoints
from chassis.broker import InRecord, OutRecord, Publisher, Subscription

PARTITIONS = 6


class MemoryBroker:
    """Topics as lists per partition. One member per group; a new member starts at the committed position."""

    def __init__(self, cluster_id: str = "memory") -> None:
        self.cluster_id = cluster_id
        self.logs: dict[tuple[str, int], list[OutRecord]] = defaultdict(list)
        self.committed: dict[tuple[str, str, int], int] = defaultdict(int)

    def publisher(self, client: str) -> Publisher:
        """Make a publisher."""
        return _MemoryPublisher(self)

    def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a group, at what it has committed."""
        return MemorySubscription(self, group, topics)

    def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Every topic is there, as soon as somebody writes to it."""
        return dict.fromkeys(topics, PARTITIONS)

    def append(self, record: OutRecord) -> None:
        """Append a record to the partition of its key."""
        self.logs[record.topic, zlib.crc32(record.key.encode()) % PARTITIONS].append(record)

    def topic(self, topic: str) -> list[OutRecord]:
        """Return every record of a topic, by partition."""
        return [record for p in range(PARTITIONS) for record in self.logs.get((topic, p), [])]


class _MemoryPublisher:
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def cluster_id(self) -> str:
        return self._broker.cluster_id

    def publish(self, records: Iterable[OutRecord]) -> list[bool]:
        acked = []
        for record in records:
            self._broker.append(record)
            acked.append(True)
        failpoints.hit("relay.after_produce")
        return acked

    def renew(self) -> None:
        """Nothing is kept that another cluster would not know."""

    def hurry(self) -> None:
        """Nothing takes time."""

    def close(self) -> None:
        """Nothing is under way."""


class MemorySubscription:
    """One member that has every partition of its topics."""

    def __init__(self, broker: MemoryBroker, group: str, topics: Sequence[str]) -> None:
        self._broker = broker
        self._group = group
        self._partitions = [(topic, p) for topic in topics for p in range(PARTITIONS)]
        self._position = {tp: broker.committed[group, *tp] for tp in self._partitions}

    def poll(self, limit: int, timeout: float) -> list[InRecord]:
        """Return what is there, partition by partition."""
        result: list[InRecord] = []
        for topic, partition in self._partitions:
            log = self._broker.logs.get((topic, partition), [])
            start = self._position[topic, partition]
            for offset in range(start, min(len(log), start + limit - len(result))):
                record = log[offset]
                result.append(InRecord(topic, partition, offset, record.key, record.value, dict(record.headers)))
                self._position[topic, partition] = offset + 1
        return result

    def commit(self) -> None:
        """Keep the position for the next member."""
        for topic, partition in self._partitions:
            self._broker.committed[self._group, topic, partition] = self._position[topic, partition]

    def rewind(self) -> None:
        """Start again at offset 0."""
        self._position = dict.fromkeys(self._partitions, 0)

    def lag(self) -> dict[str, int]:
        """Return how many records of each topic are not read yet."""
        lag: dict[str, int] = defaultdict(int)
        for tp in self._partitions:
            lag[tp[0]] += len(self._broker.logs.get(tp, [])) - self._position[tp]
        return lag

    def is_assigned(self) -> bool:
        """Always: there is one member."""
        return True

    def close(self) -> None:
        """Nothing to leave."""
