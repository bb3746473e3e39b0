"""What every broker does for us: the same suite runs against the memory broker and against Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from chassis import failpoints
from chassis.broker import Broker, InRecord, OutRecord, Publisher, Subscription
from chassis.failpoints import FailpointCrash
from chassis.kafka import KafkaBroker
from chassis.memory_broker import MemoryBroker
from tests.chassis.bench import DEADLINE_SECONDS, until
from tests.infra import Infra


@dataclass
class Wire:
    """A broker, a topic of its own, and what was opened on it."""

    broker: Broker
    topic: str
    opened: list[Publisher | Subscription] = field(default_factory=list)

    def publisher(self) -> Publisher:
        """A publisher that the test need not close."""
        made = self.broker.publisher("test")
        self.opened.append(made)
        return made

    def subscribe(self, group: str = "") -> Subscription:
        """A member of a group, of a new one by default."""
        made = self.broker.subscribe(group or f"group-{uuid.uuid4().hex[:8]}", [self.topic])
        self.opened.append(made)
        return made

    def record(self, key: str, text: str) -> OutRecord:
        """A record with a header of each kind we use."""
        return OutRecord(self.topic, key, text.encode(), {"ce_id": f"{key}-{text}", "ü": "grün"})


@pytest.fixture(params=["memory", "kafka"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    if request.param == "memory":
        made = Wire(MemoryBroker(), "test.memory.v1")
    else:
        infra: Infra = request.getfixturevalue("infra")
        new_topic: Callable[[int], str] = request.getfixturevalue("new_topic")
        made = Wire(KafkaBroker(infra.kafka, infra.kafka_provider), new_topic(6))
    yield made
    for each in made.opened:
        each.close()


def read(subscription: Subscription, count: int, limit: int = 500) -> list[InRecord]:
    """Poll until so many records are there."""
    records: list[InRecord] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(records) < count and time.monotonic() < deadline:
        polled = subscription.poll(limit, 0.1)
        assert len(polled) <= limit
        records += polled
    assert len(records) == count
    return records


def test_records_of_a_key_stay_in_order_and_in_one_partition(wire: Wire) -> None:
    keys = [f"key-{number}" for number in range(20)]
    sent = [wire.record(key, f"{number}") for number in range(10) for key in keys]
    publisher = wire.publisher()
    assert publisher.publish(sent[:150]) == [True] * 150
    assert publisher.publish(sent[150:]) == [True] * 50
    records = read(wire.subscribe(), 200)
    for key in keys:
        mine = [record for record in records if record.key == key]
        assert [record.value for record in mine] == [str(number).encode() for number in range(10)]
        assert len({record.partition for record in mine}) == 1
        assert [record.offset for record in mine] == sorted(record.offset for record in mine)
    assert len({record.partition for record in records}) > 1


def test_bytes_and_headers_come_back_as_they_were_sent(wire: Wire) -> None:
    value = bytes(range(256))
    wire.publisher().publish([OutRecord(wire.topic, "k", value, {"ü": "grün", "empty": ""})])
    subscription = wire.subscribe()
    (record,) = read(subscription, 1)
    assert (record.topic, record.key, record.value) == (wire.topic, "k", value)
    assert record.headers == {"ü": "grün", "empty": ""}
    assert subscription.is_assigned()


def test_a_new_member_goes_on_behind_what_poll_had_returned_at_the_last_commit(wire: Wire) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    wire.publisher().publish([wire.record("key", str(number)) for number in range(10)])
    first = wire.subscribe(group)
    taken = read(first, 4, limit=4)
    first.commit()
    read(first, 3, limit=3)
    first.close()
    wire.opened.remove(first)
    rest = read(wire.subscribe(group), 6)
    assert [record.value for record in [*taken, *rest]] == [str(number).encode() for number in range(10)]


def test_a_rewind_reads_everything_again_and_moves_what_is_committed(wire: Wire) -> None:
    publisher, group = wire.publisher(), f"group-{uuid.uuid4().hex[:8]}"
    publisher.publish([wire.record(f"key-{number}", "a") for number in range(10)])
    subscription = wire.subscribe(group)
    first = read(subscription, 10)
    subscription.commit()
    subscription.rewind()
    again = read(subscription, 10)
    assert sorted(again, key=_place) == sorted(first, key=_place)
    subscription.commit()
    publisher.publish([wire.record("key-1", "b")])
    assert [record.value for record in read(subscription, 1)] == [b"b"]


def _place(record: InRecord) -> tuple[int, int]:
    return record.partition, record.offset


def test_the_lag_is_what_is_not_read_yet(wire: Wire) -> None:
    publisher, subscription = wire.publisher(), wire.subscribe()
    publisher.publish([wire.record("key", "a") for number in range(12)])
    read(subscription, 1, limit=1)
    until(lambda: subscription.lag() == {wire.topic: 11})
    read(subscription, 11)
    assert subscription.lag() == {wire.topic: 0}


def test_the_cluster_has_an_id_that_stays(wire: Wire) -> None:
    assert wire.publisher().cluster_id() == wire.publisher().cluster_id() != ""


def test_a_crash_after_producing_may_publish_but_never_says_so(wire: Wire) -> None:
    with failpoints.armed("relay.after_produce", "crash"), pytest.raises(FailpointCrash):
        wire.publisher().publish([wire.record("k", "a")])
    other = wire.publisher()
    other.publish([wire.record("other", "b")])
    values = {record.value for record in read(wire.subscribe(), 2)}
    assert values == {b"a", b"b"}


def test_publishing_nothing_is_nothing(wire: Wire) -> None:
    assert wire.publisher().publish([]) == []
