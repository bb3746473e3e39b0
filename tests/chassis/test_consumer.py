"""The consumer commits offsets after effects, waits for what is away, and can start again without doing anything twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from chassis import failpoints, metrics
from chassis.broker import BrokerAway, OutRecord
from chassis.event_handling import MAX_BAD_IN_A_ROW, TooManyBadRecords
from chassis.failpoints import FailpointCrash
from chassis.kafka import KafkaBroker
from chassis.memory_broker import MemoryBroker, MemorySubscription
from chassis.tables import dead_letter, outbox, parked_event
from deploy.local.topics import Topic, ensure_topics
from tests.chassis.bench import Bench, new_key, until
from tests.chassis.counter import IN, OUT
from tests.infra import Infra


def test_what_is_read_is_applied_and_told(bench: Bench) -> None:
    one = new_key()
    bench.send(bench.record(one, "a"), bench.record(one, "b"))
    bench.settle()
    assert bench.labels(one) == ["a", "b"]
    assert len(bench.published()) == 2
    assert bench.app.consumer.lag() == 0
    assert metrics.CONSUMER_LAG.labels(IN)._value.get() >= 0


@pytest.mark.parametrize("point", ["consumer.before_commit", "consumer.after_commit", "consumer.before_offset_commit"])
def test_a_consumer_that_dies_around_its_commit_has_every_effect_once(bench: Bench, point: str) -> None:
    one = new_key()
    bench.send(bench.record(one, "a"), bench.record(one, "b"))
    with failpoints.armed(point, "crash"), pytest.raises(FailpointCrash):
        bench.app.consumer.step()
    bench.restart()
    bench.send(bench.record(one, "c"))
    bench.settle()
    assert bench.labels(one) == ["a", "b", "c"]
    assert len(bench.published()) == 3


def test_a_rewind_changes_nothing(bench: Bench) -> None:
    one = new_key()
    bench.send(*[bench.record(one, str(number)) for number in range(20)])
    bench.settle()
    before = [bench.rows(table) for table in (outbox, parked_event, dead_letter)]
    bench.app.consumer.rewind()
    assert bench.app.consumer.step() == 20
    bench.settle()
    assert [bench.rows(table) for table in (outbox, parked_event, dead_letter)] == before
    assert bench.labels(one) == [str(number) for number in range(20)]


def test_a_rewind_brings_back_no_event_of_a_blocked_key(bench: Bench) -> None:
    one = new_key()
    bench.faults.failing = {"bad": 99}
    for label in ("a", "bad", "c"):
        bench.send(bench.record(one, label))
        bench.app.consumer.step()
    bench.app.consumer.rewind()
    bench.settle()
    bench.faults.failing = {}
    bench.make_due()
    bench.app.consumer.retry_parked()
    assert bench.labels(one) == ["a", "bad", "c"]
    assert bench.rows(parked_event) == []


class _LateSubscription(MemorySubscription):
    assigned = False
    rewound = 0

    def is_assigned(self) -> bool:
        return self.assigned

    def rewind(self) -> None:
        self.rewound += 1


def test_a_rewind_waits_for_the_partitions(bench: Bench) -> None:
    broker = bench.broker
    assert isinstance(broker, MemoryBroker)
    late = _LateSubscription(broker, "order-svc", [IN])
    broker.subscribe = lambda group, topics: late  # type: ignore[method-assign]
    consumer = bench.app.consumer
    consumer.rewind()
    consumer.step()
    assert (late.rewound, consumer.is_ready()) == (0, False)
    late.assigned = True
    consumer.step()
    consumer.step()
    assert (late.rewound, consumer.is_ready()) == (1, True)


def test_a_database_that_goes_away_is_waited_for_with_the_same_batch(bench: Bench) -> None:
    one = new_key()
    bench.send(bench.record(one, "a"))
    bench.faults.infrastructure = [sa.exc.TimeoutError("no connection")]
    stopping = threading.Event()
    thread = threading.Thread(target=bench.app.consumer.run, args=(stopping,))
    thread.start()
    until(lambda: not bench.app.consumer.is_healthy)
    until(lambda: bench.labels(one) == ["a"])
    until(lambda: bench.app.consumer.is_healthy)
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()
    assert bench.rows(parked_event) == []


def test_a_consumer_that_waits_for_the_database_can_be_stopped(bench: Bench) -> None:
    bench.send(bench.record(new_key(), "a"))
    bench.faults.infrastructure = [sa.exc.TimeoutError("no connection") for _ in range(100)]
    stopping = threading.Event()
    thread = threading.Thread(target=bench.app.consumer.run, args=(stopping,))
    thread.start()
    until(lambda: not bench.app.consumer.is_healthy)
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()


def test_connections_that_the_server_cuts_cost_nothing_but_a_retry(bench: Bench) -> None:
    one = new_key()
    for label in ("a", "b"):
        bench.send(bench.record(one, label))
        bench.app.consumer.step()
    bench.cut_connections()
    bench.send(bench.record(one, "c"))
    with pytest.raises(sa.exc.DBAPIError):
        bench.app.consumer.step()
    assert bench.app.consumer.step() == 1
    assert bench.labels(one) == ["a", "b", "c"]


def test_offsets_that_could_not_be_committed_are_committed_later(bench: Bench) -> None:
    broker, one = bench.broker, new_key()
    assert isinstance(broker, MemoryBroker)
    bench.send(bench.record(one, "a"))
    subscription = broker.subscribe("order-svc", [IN])
    commit, failures = subscription.commit, [BrokerAway("gone")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()
        commit()

    subscription.commit = fail_once  # type: ignore[method-assign]
    broker.subscribe = lambda group, topics: subscription  # type: ignore[method-assign]
    with pytest.raises(BrokerAway):
        bench.app.consumer.step()
    assert sum(broker.committed.values()) == 0
    bench.app.consumer.step()
    assert sum(broker.committed.values()) == 1
    assert bench.labels(one) == ["a"]


def test_a_bad_deploy_stops_the_loop(bench: Bench) -> None:
    bench.faults.failing = {"bad": 10**6}
    bench.send(*[bench.record(new_key(), "bad") for _ in range(MAX_BAD_IN_A_ROW + 10)])
    with pytest.raises(TooManyBadRecords):
        bench.app.consumer.run(threading.Event())
    assert len(bench.rows(parked_event)) == MAX_BAD_IN_A_ROW
    assert bench.pending() == 0


@pytest.fixture
def kafka_bench(database_url: str, infra: Infra) -> Iterator[Bench]:
    """The counter service on topics of its own in Kafka."""
    unique = uuid.uuid4().hex[:8]
    topics = {IN: f"test.{unique}in.v1", OUT: f"test.{unique}out.v1"}
    ensure_topics(infra.kafka, [Topic(name, 3, -1) for name in (*topics.values(), f"test.{unique}in.dlq.v1")])
    made = Bench(database_url, KafkaBroker(infra.kafka, infra.kafka_provider), identity=f"counter-{unique}", topics=topics)
    yield made
    made.app.close()


def test_on_kafka_a_crash_and_poison_lose_nothing_double_nothing_and_stop_no_other_key(kafka_bench: Bench) -> None:
    bench, keys = kafka_bench, [new_key() for _ in range(4)]
    records = [bench.record(key, label) for label in ("a", "b", "c") for key in keys]
    poison = bench.raw(b"\xff", key=keys[0])
    publisher = bench.broker.publisher("test")
    publisher.publish([OutRecord(r.topic, r.key, r.value, r.headers) for r in (*records[:6], poison, *records[6:])])
    with failpoints.armed("consumer.after_commit", "crash"), pytest.raises(FailpointCrash):
        until(lambda: bench.app.consumer.step(0.1) < 0)
    bench.restart()
    until(lambda: bool(bench.app.consumer.step(0.1) + 1) and all(bench.labels(key) == ["a", "b", "c"] for key in keys))
    until(lambda: bool(bench.rows(dead_letter)) or bench.app.consumer.step(0.1) < 0)
    while bench.app.relay.step():
        pass
    told = bench.broker.subscribe(f"{bench.identity}-told", [bench.topics[OUT], bench.topics[IN].replace(".v1", ".dlq.v1")])
    seen: list[str] = []

    def read() -> bool:
        seen.extend(record.key for record in told.poll(500, 0.1))
        return len(seen) >= 13

    until(read)
    assert sorted(seen) == sorted([*keys * 3, keys[0]])
    told.close()
    publisher.close()
