"""The memory broker in a bad mood: it delivers what Kafka may deliver, in every order that Kafka allows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from chassis import failpoints
from chassis.broker import InRecord, OutRecord, Publisher, Subscription
from chassis.memory_broker import MemoryBroker, MemorySubscription

BATCHES = (1, 1, 2, 5, 20, 500)
LOST_ACKS = 0.1


class UnrulyBroker(MemoryBroker):
    """Within a partition the order is kept. Between partitions it is random while `mood` is set, and acks get lost."""

    def __init__(self) -> None:
        super().__init__()
        self.mood: random.Random | None = None
        self.held: set[tuple[str, str]] = set()
        """(group, topic): what a group does not get to read for now."""

    def publisher(self, client: str) -> Publisher:
        """Make a publisher whose acks may get lost."""
        return _UnrulyPublisher(self)

    def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a group, at what it has committed."""
        return _UnrulySubscription(self, group, topics)

    def repeat_any(self, mood: random.Random) -> str:
        """Append a record again that is there already; it arrives a second time, later."""
        filled = [(topic, partition) for (topic, partition), log in sorted(self.logs.items()) if log]
        if not filled:
            return "nothing to repeat"
        log = self.logs[mood.choice(filled)]
        record = mood.choice(log)
        log.append(record)
        return f"{record.headers['ce_type']} of {record.key} again"


class _UnrulyPublisher:
    """Some of a batch arrives, some of what arrived is acknowledged: always the first ones, as with one connection."""

    def __init__(self, broker: UnrulyBroker) -> None:
        self._broker = broker

    def cluster_id(self) -> str:
        return self._broker.cluster_id

    def publish(self, records: Iterable[OutRecord]) -> list[bool]:
        wanted = list(records)
        mood, count = self._broker.mood, len(wanted)
        acked = arrived = count
        if mood is not None and mood.random() < LOST_ACKS:
            acked = mood.randint(0, count)
            arrived = mood.randint(acked, count)
        for record in wanted[:arrived]:
            self._broker.append(record)
        failpoints.hit("relay.after_produce")
        return [True] * acked + [False] * (count - acked)

    def renew(self) -> None:
        """Nothing is kept that another cluster would not know."""

    def hurry(self) -> None:
        """Nothing takes time."""

    def close(self) -> None:
        """Nothing is under way."""


class _UnrulySubscription(MemorySubscription):
    """Reads some partitions before others, a few records at a time."""

    def __init__(self, broker: UnrulyBroker, group: str, topics: Sequence[str]) -> None:
        super().__init__(broker, group, topics)
        self._unruly = broker

    def poll(self, limit: int, timeout: float) -> list[InRecord]:
        mood, logs = self._unruly.mood, self._unruly.logs
        open_ = [tp for tp in self._partitions if (self._group, tp[0]) not in self._unruly.held]
        behind = [tp for tp in open_ if self._position[tp] < len(logs.get(tp, []))]
        result: list[InRecord] = []
        left = limit if mood is None else min(limit, mood.choice(BATCHES))
        if mood is not None:
            behind = mood.sample(behind, mood.randint(1, len(behind)) if behind else 0)
        for topic, partition in behind:
            log, start = logs[topic, partition], self._position[topic, partition]
            stop = min(len(log), start + left)
            for offset, record in enumerate(log[start:stop], start):
                result.append(InRecord(topic, partition, offset, record.key, record.value, dict(record.headers)))
            self._position[topic, partition] = stop
            left -= stop - start
            if not left:
                break
        return result
