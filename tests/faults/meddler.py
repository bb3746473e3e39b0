"""Who writes to topics and joins groups without being asked: records again, odd records, members that come and go."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from atlas.inventory.v1 import inventory_events_pb2
from chassis.kafka_capability import CAPABILITIES
from deploy.local.groups import declared_groups
from tests.faults.ground import Ground
from tests.faults.topics import Marks

KAFKA_SECONDS = 10.0
POLL_SECONDS = 0.1
STAY_SECONDS = 1.0
MEMBER = {"enable.auto.commit": False, "partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000}
UNKNOWN_FIELD = bytes([0xBA, 0x7D, 0x03]) + b"new"  # field 2007, three bytes, as a newer producer may send it

Headers = list[tuple[str, str | bytes | None]]


def client(ground: Ground) -> dict[str, Any]:
    """What every Kafka client here is configured with."""
    return {"bootstrap.servers": ground.addresses.kafka, "log_level": 2}


def send(ground: Ground, topic: str, records: Sequence[tuple[bytes | None, bytes | None, Headers]]) -> None:
    """Write records, each a key, a value and headers, and wait until the broker has them."""
    producer = Producer(client(ground) | dict(CAPABILITIES[ground.kafka].producer))
    for key, value, headers in records:
        producer.produce(topic, key=key, value=value, headers=headers)
    assert producer.flush(KAFKA_SECONDS) == 0


@contextmanager
def copied(ground: Ground, since: Marks, mood: random.Random) -> Iterator[list[int]]:
    """Write every record 0 to 4 times more, as it is, while the block runs. Gives how many were written, as the last item."""
    copier, over, counts = _Copier(ground, since, mood), threading.Event(), [0]

    def work() -> None:
        while not over.is_set():
            counts.append(counts[-1] + copier.step())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()
        copier.close()


class _Copier:
    def __init__(self, ground: Ground, since: Marks, mood: random.Random) -> None:
        self._mood, self._seen = mood, set[bytes]()
        self._producer = Producer(client(ground) | dict(CAPABILITIES[ground.kafka].producer))
        self._consumer = Consumer(client(ground) | {"group.id": f"copier-{uuid.uuid4().hex}", "enable.auto.commit": False})
        self._consumer.assign([TopicPartition(*place, end) for place, end in since.ends.items()])

    def step(self) -> int:
        written = 0
        for message in self._consumer.consume(500, POLL_SECONDS):
            value = message.value() or b""
            if message.error() is not None or value in self._seen:
                continue
            self._seen.add(bytes(value))
            for _ in range(self._mood.randint(0, 4)):
                self._producer.produce(
                    str(message.topic()), value, message.key(), message.partition() or 0, headers=message.headers() or []
                )
                written += 1
        self._producer.flush(KAFKA_SECONDS)
        return written

    def close(self) -> None:
        self._consumer.close()


def storm(ground: Ground, seconds: float) -> int:
    """Let members join every group of ours and leave again, for so long; how often one did. They commit nothing."""
    end, groups = time.monotonic() + seconds, declared_groups()
    with ThreadPoolExecutor(len(groups)) as pool:
        return sum(pool.map(lambda name: _come_and_go(ground, name, groups[name], end), groups))


def _come_and_go(ground: Ground, group: str, topics: list[str], end: float) -> int:
    times = 0
    while time.monotonic() < end:
        member = Consumer(client(ground) | MEMBER | {"group.id": group})
        member.subscribe(topics)
        member.consume(500, STAY_SECONDS)
        member.close()
        times += 1
    return times


def same_fact(order_id: str, *, reason: int, newer: bytes = b"") -> tuple[str, bytes]:
    """An InventoryReservationFailed under a new event id, as inventory would send it; its id and its bytes."""
    payload = inventory_events_pb2.InventoryReservationFailed(order_id=order_id)
    payload.MergeFromString(payload.SerializeToString() + bytes([0x10, reason]) + newer)
    envelope = inventory_events_pb2.InventoryEvent(inventory_reservation_failed=payload)
    metadata = envelope.metadata
    metadata.event_id, metadata.event_type = str(uuid.uuid4()), "InventoryReservationFailed"
    metadata.schema_version, metadata.producer = 1, "inventory-svc"
    metadata.occur_time.GetCurrentTime()
    metadata.aggregate_type, metadata.aggregate_id = "Reservation", order_id
    metadata.stream_key, metadata.stream_sequence = order_id, 10_000
    return metadata.event_id, envelope.SerializeToString() + newer
