"""Kafka through confluent-kafka: a publisher that keeps order per key, a subscription that commits only what was handled."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, cast

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from chassis import failpoints, metrics
from chassis.broker import BrokerAway, InRecord, OffsetLost, OutRecord, Publisher, Subscription
from chassis.kafka_capability import CAPABILITIES

log = structlog.get_logger(__name__)
_Key = tuple[str, str]
"""Topic and key: what order is kept for."""

ACK_SECONDS, FLUSH_SECONDS, COMMIT_SECONDS = 20.0, 10.0, 5.0
METADATA_SECONDS = 5.0
PURGE_SECONDS = 1.0
QUEUE_KILOBYTES = 65_536  # bounds the memory of a round, whose events may have 900 KB each


class KafkaBroker:
    """A Kafka cluster at `bootstrap`; `provider` picks the client profile."""

    def __init__(self, bootstrap: str, provider: str) -> None:
        self._common: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "socket.keepalive.enable": True,
            "log_level": 2,
        }
        self._profile = CAPABILITIES[provider]

    def publisher(self, client: str) -> Publisher:
        """Make a publisher, idempotent where the profile says so."""
        config = {**self._common, "client.id": client, **self._profile.producer}
        return KafkaPublisher(config, is_durable=self._profile.durable)

    def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a group."""
        return KafkaSubscription({**self._common, "group.id": group, **self._profile.consumer}, topics)

    def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Ask the cluster."""
        try:
            known = AdminClient(self._common).list_topics(timeout=METADATA_SECONDS).topics
        except KafkaException as error:
            raise BrokerAway(str(error)) from error
        return {topic: len(known[topic].partitions) if topic in known else 0 for topic in topics}


class KafkaPublisher:
    """Publishes with acks from all replicas. To a durable broker a message is never given up, so order per key has no gap.

    One that is not may be another cluster behind each new connection: what waits is given up with the connection, and
    nothing is sent over a new one before `cluster_id` was asked again.
    """

    def __init__(self, config: dict[str, Any], *, is_durable: bool) -> None:
        self._config = {
            **config,
            "acks": "all",
            "partitioner": "murmur2_random",
            "message.timeout.ms": 0,
            "allow.auto.create.topics": False,  # some brokers would make it, with other partitions than declared
            "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
            "delivery.report.only.error": True,  # a report is an object and a call for each record; here no news is good news
            "on_delivery": self._on_delivery,
            "error_cb": self._on_error,
        }
        self._is_durable = is_durable
        self._failed: set[_Key] = set()
        """The keys of which the round under way has lost a record."""
        self._fatal: KafkaError | None = None
        self._is_cut_off = False
        self._end = math.inf
        self._producer = Producer(self._config)

    def renew(self) -> None:
        """Take a new producer: another cluster refuses the id that the old cluster gave this one, for ever."""
        self._producer.purge()
        self._producer = Producer(self._config)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.add((str(message.topic()), _text(message.key()) or ""))

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        self._is_cut_off = not self._is_durable

    def cluster_id(self) -> str:
        """Ask the cluster for its id."""
        self._producer.poll(0)
        self._is_cut_off = False
        try:
            metadata = self._producer.list_topics(timeout=METADATA_SECONDS)
        except KafkaException as error:
            raise BrokerAway(str(error)) from error
        return str(metadata.cluster_id)

    @metrics.MESSAGING_DURATION.labels("send").time()
    def publish(self, records: Iterable[OutRecord]) -> list[bool]:
        """Publish and wait up to 20 s for the acks. A fatal producer error ends the process: SystemExit.

        Where a record's delivery failed, none of its key counts as acknowledged. Raises BrokerAway where the connection to a
        broker that is not durable broke; what was acknowledged is sent again.
        """
        self._producer.poll(0)
        self._give_up_if_cut_off()
        self._failed.clear()
        sent: list[tuple[_Key, bool]] = []
        refused: set[_Key] = set()
        for record in records:
            key = (record.topic, record.key)
            if key not in refused and not self._produce(record):
                refused.add(key)  # what follows of the key waits with it
            sent.append((key, key not in refused))
        failpoints.hit("relay.after_produce")
        deadline = time.monotonic() + ACK_SECONDS
        while len(self._producer) and time.monotonic() < min(deadline, self._end) and not self._fatal:
            self._producer.flush(0.5)
            self._give_up_if_cut_off()
        if self._fatal:
            raise SystemExit(f"fatal producer error: {self._fatal.code()}")
        if len(self._producer):
            self._give_up()
        return [taken and key not in self._failed for key, taken in sent]

    def _give_up(self) -> None:
        """Take back what was not acknowledged, so that it is not under way twice when it is sent again.

        A producer with a gap in what it has sent is no longer idempotent: another takes its place.
        """
        self._producer.purge()
        if self._producer.flush(PURGE_SECONDS):
            raise BrokerAway("what waits for an acknowledgement cannot be taken back")
        self._producer = Producer(self._config)

    def _give_up_if_cut_off(self) -> None:
        if self._is_cut_off:
            self._producer.purge()
            raise BrokerAway("the connection broke, and another cluster may come back")

    def _produce(self, record: OutRecord) -> bool:
        """Hand a record to the producer. Returns False where it refuses the record, or is full when the process is to end."""
        headers = cast(dict[str, str | bytes | None], record.headers)
        while True:
            try:
                self._producer.produce(record.topic, record.value, record.key, headers=headers)
                return True
            except BufferError:
                if time.monotonic() > self._end:
                    return False
                self._producer.poll(0.1)
            except KafkaException as error:
                log.error("record_refused", topic=record.topic, key=record.key, code=error.args[0].name())
                return False

    def hurry(self) -> None:
        """Wait for acks for 10 s more at most, in `publish` and `close` together."""
        self._end = min(self._end, time.monotonic() + FLUSH_SECONDS)

    def close(self) -> None:
        """Flush for at most 10 s, or for what `hurry` has left of them."""
        self.hurry()
        self._producer.flush(max(0.0, self._end - time.monotonic()))


class KafkaSubscription:
    """One synchronous group member. Nothing is in flight when partitions move."""

    def __init__(self, config: dict[str, Any], topics: Sequence[str]) -> None:
        self._topics = tuple(topics)
        self._assigned = False
        self._handled: dict[tuple[str, int], int] = {}
        """The offset behind the last record that poll has returned, until it is committed."""
        self._committing: _Commit | None = None
        self._consumer = Consumer(
            {
                **config,
                "enable.auto.commit": False,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1000,
                "topic.metadata.refresh.interval.ms": 5000,
            }
        )
        self._consumer.subscribe(list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke)

    def _on_assign(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._assigned = True

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget the positions of partitions that belong to another member from now on."""
        for partition in partitions:
            self._handled.pop((partition.topic, partition.partition), None)

    @metrics.MESSAGING_DURATION.labels("poll").time()
    def poll(self, limit: int, timeout: float) -> list[InRecord]:
        """Wait for the first record, then take what else is there: waiting for a full batch would only add latency."""
        first = self._consumer.poll(timeout)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(limit - 1, 0)] if limit > 1 else [first]
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._AUTO_OFFSET_RESET:
                    raise OffsetLost(f"{message.topic()} [{message.partition()}]: {error.str()}")
                self._rejoin(messages)
                raise BrokerAway(str(error))
        records = [_record(message) for message in messages]
        self._handled |= {(record.topic, record.partition): record.offset + 1 for record in records}
        return records

    def _rejoin(self, messages: list[Message]) -> None:
        """Go back to the first record of each partition, so that a failed poll loses none."""
        first: dict[tuple[str, int], int] = {}
        for message in messages:
            if message.error() is None:
                first.setdefault((str(message.topic()), message.partition() or 0), message.offset() or 0)
        for (topic, partition), offset in first.items():
            self._consumer.seek(TopicPartition(topic, partition, offset))

    @metrics.MESSAGING_DURATION.labels("commit").time()
    def commit(self) -> None:
        """Commit synchronously. Raises BrokerAway; the records may then be read again, and the inbox drops them."""
        while self._handled:
            if self._committing is None:
                self._committing = _Commit(self._consumer, dict(self._handled))
                self._committing.start()
            done = self._committing
            done.join(COMMIT_SECONDS)
            if done.is_alive():
                raise BrokerAway("the broker does not answer to a commit")
            self._committing = None
            if done.failure:
                raise BrokerAway(done.failure)
            self._handled = {place: offset for place, offset in self._handled.items() if done.offsets.get(place) != offset}

    def rewind(self) -> None:
        """Seek every assigned partition to its first offset."""
        self._handled.clear()
        for assigned in self._consumer.assignment():
            self._consumer.seek(TopicPartition(assigned.topic, assigned.partition, OFFSET_BEGINNING))

    def lag(self) -> dict[str, int]:
        """Return the records between the position and the end of the assigned partitions, from cached watermarks."""
        lag = dict.fromkeys(self._topics, 0)
        for position in self._consumer.position(self._consumer.assignment()):
            _low, high = self._consumer.get_watermark_offsets(position, cached=True)
            if position.offset >= 0 and high >= 0:
                lag[position.topic] += max(0, high - position.offset)
        return lag

    def is_assigned(self) -> bool:
        """Whether the group has answered."""
        return self._assigned

    def close(self) -> None:
        """Leave the group; where a commit still waits for the broker, that is left to the session's timeout."""
        if self._committing is None or not self._committing.is_alive():
            self._consumer.close()


class _Commit(threading.Thread):
    """One synchronous commit, in a thread of its own: a broker that stands still lets it wait for ever."""

    def __init__(self, consumer: Consumer, offsets: dict[tuple[str, int], int]) -> None:
        super().__init__(name="commit", daemon=True)
        self._consumer = consumer
        self.offsets = offsets
        self.failure = ""

    def run(self) -> None:
        """Commit; `failure` says afterwards what went wrong."""
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self.offsets.items()]
        try:
            answers = self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            self.failure = str(error)
            return
        self.failure = next((str(answer.error) for answer in answers or () if answer.error is not None), "")


def _record(message: Message) -> InRecord:
    headers = {}
    for name, value in cast(list[tuple[str, str | bytes | None]], message.headers() or []):
        text = _text(value)
        if text is not None:
            headers[name] = text
    return InRecord(
        topic=str(message.topic()),
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=_text(message.key()) or "",
        value=_bytes(message.value()),
        headers=headers,
    )


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _text(value: str | bytes | None) -> str | None:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    return None if value is None or "\0" in value else value  # PostgreSQL keeps no NUL in a text
