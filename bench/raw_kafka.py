"""Kafka clients without anything of ours in between: the floors of P5 and P6, and what reads a topic to check it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.stack import kafka_provider
from chassis.broker import OutRecord
from chassis.kafka_capability import CAPABILITIES
from cli.connection import StackAddresses
from deploy.local.topics import Topic, ensure_topics

READ_SECONDS = 30.0
PARTITIONS = 6
# what chassis.kafka sets beside the provider's profile (tests/bench/test_raw_kafka.py compares)
PRODUCER: Final[Mapping[str, Any]] = {
    "acks": "all",
    "partitioner": "murmur2_random",
    "message.timeout.ms": 0,
    "allow.auto.create.topics": False,
    "queue.buffering.max.kbytes": 65_536,
    "delivery.report.only.error": True,
}
CONSUMER: Final[Mapping[str, Any]] = {
    "enable.auto.commit": False,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
    "topic.metadata.refresh.interval.ms": 5000,
}
COMMON: Final[Mapping[str, Any]] = {"socket.keepalive.enable": True, "log_level": 2}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A broker: its address, and which profile its clients use."""

    bootstrap: str
    provider: str

    @classmethod
    def of(cls, addresses: StackAddresses) -> Cluster:
        """Return the broker of a stack."""
        return cls(addresses.kafka, kafka_provider(addresses))

    def producer(self) -> Producer:
        """Make a bare idempotent producer."""
        return Producer({"bootstrap.servers": self.bootstrap, **COMMON, **CAPABILITIES[self.provider].producer, **PRODUCER})

    def consumer(self, group: str) -> Consumer:
        """Make a bare member of a group."""
        profile = CAPABILITIES[self.provider].consumer
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, **COMMON, **profile, **CONSUMER})

    def make_topic(self, name: str) -> None:
        """Make a topic of the benchmark's own, where it is missing."""
        ensure_topics(self.bootstrap, [Topic(name, PARTITIONS, -1)])

    def new_group(self, topic: str) -> str:
        """Make a group that starts at the end of a topic."""
        group = f"bench-{uuid.uuid4().hex}"
        places = [TopicPartition(topic, number, offset) for number, offset in self.ends(topic).items()]
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **COMMON})
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result(READ_SECONDS)
        return group

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end of each partition of a topic."""
        consumer = self._reader()
        try:
            numbers = consumer.list_topics(topic, timeout=READ_SECONDS).topics[topic].partitions
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), READ_SECONDS)[1] for number in numbers
            }
        finally:
            consumer.close()

    def read(self, topic: str, start: Mapping[int, int]) -> list[tuple[str, str]]:
        """Return key and ce_id of every record of a topic from `start` on, in order per partition."""
        last = self.ends(topic)
        left = sum(last.values()) - sum(start.values())
        consumer = self._reader()
        consumer.assign([TopicPartition(topic, number, start.get(number, 0)) for number in last])
        found: list[tuple[str, str]] = []
        deadline = time.monotonic() + READ_SECONDS
        try:
            while len(found) < left and time.monotonic() < deadline:
                found += [_identity(message) for message in consumer.consume(500, 0.2) if message.error() is None]
        finally:
            consumer.close()
        return found

    def _reader(self) -> Consumer:
        group = f"bench-reader-{uuid.uuid4().hex}"
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False, **COMMON})


def _identity(message: Message) -> tuple[str, str]:
    return text(message.key()), identity(message)


def identity(message: Message) -> str:
    """Return the ce_id of a record, empty where it has none."""
    headers: Any = message.headers() or ()
    return text(dict(headers).get("ce_id"))


def text(value: str | bytes | None) -> str:
    """Return a key or header as text."""
    return value.decode() if isinstance(value, bytes) else value or ""


@dataclass(frozen=True, slots=True)
class Ready:
    """A record in the form the client takes, so that a bare producer has nothing left to do but to send it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, str | bytes | None]]

    @classmethod
    def of(cls, record: OutRecord) -> Ready:
        """Prepare a record."""
        return cls(record.topic, record.key.encode(), record.value, list(record.headers.items()))


def produce_all(producer: Producer, records: Sequence[Ready]) -> None:
    """Produce as fast as the producer takes it, and wait for all acknowledgements."""
    for record in records:
        while True:
            try:
                producer.produce(record.topic, key=record.key, value=record.value, headers=record.headers)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()
