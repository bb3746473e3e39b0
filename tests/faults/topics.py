"""The domain topics from a mark to their end, beside the outboxes and inboxes: I3 to I6 and I11 over real processes."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from atlas.billing.v1 import billing_events_pb2
from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from atlas.workflow.v1 import workflow_events_pb2
from chassis.broker import InRecord
from chassis.contracts import EventCatalog
from chassis.envelope import EnvelopeReader, Received
from chassis.errors import Poison
from cli.waiting import wait_until
from deploy.local.services import SERVICES
from deploy.local.topics import declared_topics
from tests.contracts.subscribed import subscribed_by
from tests.faults.ground import Ground

CATALOG = EventCatalog([order_events_pb2, inventory_events_pb2, billing_events_pb2, workflow_events_pb2])
KAFKA_SECONDS = 10.0
READ_SECONDS = 60.0
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Marks:
    """Where a load begins: the cluster, the end of each partition, and the last row of each outbox."""

    cluster_id: str
    ends: Mapping[Place, int]
    rows: Mapping[str, int]


@dataclass(slots=True)
class Story:
    """What lies in the topics since the marks, duplicates and all."""

    events: list[Received] = field(default_factory=list)

    def first_of_streams(self, but: frozenset[str]) -> dict[tuple[str, str], list[int]]:
        """The numbers of each stream as they first occur, without some events."""
        seen = set(but)
        numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for event in self.events:
            if event.event_id not in seen:
                seen.add(event.event_id)
                numbers[event.record.topic, event.stream_key].append(event.metadata.stream_sequence)
        return numbers


def marks(ground: Ground) -> Marks:
    """Where everything ends now: the topics first, so that no row beyond its mark lies before theirs."""
    consumer, rows = _consumer(ground), {}
    try:
        cluster_id, ends = str(consumer.list_topics(timeout=KAFKA_SECONDS).cluster_id), _ends(consumer)
    finally:
        consumer.close()
    for row in SERVICES:
        with ground.database(row.package) as connection:
            rows[row.package] = _number(connection.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone())
    return Marks(cluster_id, ends, rows)


def read(ground: Ground, since: Marks) -> Story:
    """Read the domain topics from the marks to their ends; from the start where the broker is another cluster by now."""
    consumer, story, reader = _consumer(ground), Story(), EnvelopeReader(CATALOG)
    try:
        same = str(consumer.list_topics(timeout=KAFKA_SECONDS).cluster_id) == since.cluster_id
        ends = _ends(consumer)
        starts = {place: since.ends[place] if same else 0 for place in ends}
        for message in _messages(consumer, starts, ends):
            with contextlib.suppress(Poison):
                story.events.append(reader.read(_record(message)))
    finally:
        consumer.close()
    return story


def until_read(ground: Ground) -> None:
    """Wait until every group has read what lies in the domain topics now, so that each bad record among it is a dead letter."""
    consumer = _consumer(ground)
    try:
        ends = _ends(consumer)
    finally:
        consumer.close()
    for row in SERVICES:
        topics = {CATALOG.by_payload[payload].topic for payload in subscribed_by(row.package)}
        own = {place: end for place, end in ends.items() if place[0] in topics}
        behind = partial(_behind, ground, row.identity, own)
        wait_until(behind, lambda left: not left, what=f"the end of what {row.identity} reads", seconds=READ_SECONDS)


def _behind(ground: Ground, group: str, ends: Mapping[Place, int]) -> list[Place]:
    """Where a group has not committed these ends yet."""
    consumer = _consumer(ground, group)
    try:
        committed = consumer.committed([TopicPartition(*place) for place in ends], timeout=KAFKA_SECONDS)
    finally:
        consumer.close()
    places = {(found.topic, found.partition): found.offset for found in committed}
    return [place for place, end in ends.items() if end > 0 and places[place] < end]


def violations(ground: Ground, since: Marks, story: Story, foreign: frozenset[str]) -> Iterator[str]:
    """Say what does not hold between the topics, the outboxes and the inboxes. `foreign` events a test has put there."""
    yield from _outboxes(ground, since, story, foreign)
    for stream, numbers in story.first_of_streams(but=foreign).items():
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            yield f"I5 {stream}: first occurrences are {numbers}"
    for row in SERVICES:
        yield from _handled(ground, row.package, story)


def _outboxes(ground: Ground, since: Marks, story: Story, foreign: frozenset[str]) -> Iterator[str]:
    """I3 and I4: each committed event is in a topic, and nothing else is."""
    published: dict[str, set[str]] = defaultdict(set)
    for event in story.events:
        if event.event_id not in foreign:
            published[event.metadata.producer].add(event.event_id)
    for row in SERVICES:
        mine = published.pop(row.identity, set())
        query = """
            SELECT event_id::text, id, publish_time IS NOT NULL FROM outbox JOIN publication ON outbox_id = id
            WHERE stream_sequence IS NOT NULL AND (id > %s OR event_id = ANY(%s::uuid[]))"""
        with ground.database(row.package) as connection:
            rows = connection.execute(query, (since.rows[row.package], list(mine))).fetchall()
        stored = {str(event_id): int(str(number)) for event_id, number, _ in rows}
        missing = [
            is_marked
            for event_id, number, is_marked in rows
            if int(str(number)) > since.rows[row.package] and event_id not in mine
        ]
        if missing:
            marked = sum(map(bool, missing))
            yield f"I3 {row.upstream}: {len(missing)} committed events are in no topic, {marked} of them are marked"
        if mine - set(stored):
            yield f"I4 {row.upstream}: {len(mine - set(stored))} events in a topic were never committed"
    if published:
        yield f"I4 nobody is called {sorted(published)}"


def _handled(ground: Ground, package: str, story: Story) -> Iterator[str]:
    """I6 and I11: each event that a service subscribes to is applied, or waits for a person; nothing waits for itself."""
    subscriptions = subscribed_by(package)
    wanted = {event.event_id for event in story.events if type(event.payload) in subscriptions}
    query = """
        SELECT event_id::text FROM inbox WHERE event_id = ANY(%(ids)s::uuid[])
        UNION SELECT event_id::text FROM dead_letter WHERE event_id = ANY(%(ids)s::uuid[])"""
    waiting = "SELECT count(*) FROM parked_event"
    with ground.database(package) as connection:
        known = {str(row[0]) for row in connection.execute(query, {"ids": list(wanted)})}
        parked = _number(connection.execute(waiting).fetchone())
    if wanted - known:
        yield f"I11 {package}: {len(wanted - known)} of {len(wanted)} events were never handled"
    if parked:
        yield f"I11 {package}: {parked} events are parked"


def _consumer(ground: Ground, group: str = "fault-tests") -> Consumer:
    """A reader that joins no group of ours and commits nothing."""
    return Consumer({"bootstrap.servers": ground.addresses.kafka, "group.id": group, "enable.auto.commit": False})


def _ends(consumer: Consumer) -> dict[Place, int]:
    domain = [topic for topic in declared_topics() if topic.name in CATALOG.envelopes]
    places = [(topic.name, number) for topic in domain for number in range(topic.partitions)]
    return {place: int(consumer.get_watermark_offsets(TopicPartition(*place), timeout=KAFKA_SECONDS)[1]) for place in places}


def _messages(consumer: Consumer, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[Message]:
    """Everything between the starts and the ends."""
    left = {place: ends[place] for place in ends if starts[place] < ends[place]}
    consumer.assign([TopicPartition(*place, starts[place]) for place in left])
    deadline = time.monotonic() + READ_SECONDS
    while left:
        assert time.monotonic() < deadline, f"the ends of {sorted(left)} do not come"
        for message in consumer.consume(500, 0.25):
            error = message.error()
            assert error is None or error.code() == KafkaError._PARTITION_EOF, str(error)
            place = str(message.topic()), message.partition() or 0
            if place in left and (message.offset() or 0) + 1 >= left[place]:
                del left[place]
            yield message


def _record(message: Message) -> InRecord:
    value: Any = message.value() or b""
    key: Any = message.key() or b""
    text = key.decode(errors="replace")
    return InRecord(str(message.topic()), message.partition() or 0, message.offset() or 0, text, value, {})


def _number(row: tuple[object, ...] | None) -> int:
    assert row is not None
    return int(str(row[0]))
