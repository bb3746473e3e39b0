"""The relay publishes what was committed, at least once and in order per key, whoever dies meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Sequence

import pytest
import sqlalchemy as sa

from atlas.orders.v1 import order_events_pb2
from chassis import failpoints, metrics, relay
from chassis.broker import OutRecord
from chassis.failpoints import FailpointCrash
from chassis.memory_broker import MemoryBroker
from chassis.relay import Relay
from chassis.tables import outbox, publication, relay_state
from tests.chassis.bench import Bench, new_key, until


def _write_late(bench: Bench, low: int, key: str) -> None:
    """Commit an event under an id that was taken before those that are published already."""
    bench.count(key)
    with bench.app.database.begin() as connection:
        written = connection.execute(sa.select(outbox.c.id).where(outbox.c.stream_key == key)).scalar_one()
        connection.execute(sa.update(outbox).where(outbox.c.id == written).values(id=sa.literal(low)))
        connection.execute(sa.update(publication).where(publication.c.outbox_id == written).values(outbox_id=sa.literal(low)))


def _take_id(bench: Bench, apart: int) -> int:
    """Take the next id of the outbox, as a transaction that is not committed yet; the one after it is so far away."""
    with bench.app.database.begin() as connection:
        low: int = connection.execute(sa.text("select nextval(pg_get_serial_sequence('outbox', 'id'))")).scalar_one()
        connection.execute(sa.text(f"select setval(pg_get_serial_sequence('outbox', 'id'), {low + apart})"))
    return low


def _memory(bench: Bench) -> MemoryBroker:
    assert isinstance(bench.broker, MemoryBroker)
    return bench.broker


def _numbers(records: Sequence[OutRecord], key: str) -> list[int]:
    envelopes = [order_events_pb2.OrderEvent.FromString(record.value) for record in records if record.key == key]
    return [envelope.metadata.stream_sequence for envelope in envelopes]


def _first_occurrences(numbers: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


def test_what_is_committed_is_published_once_with_its_headers(bench: Bench) -> None:
    one = new_key()
    bench.count(one)
    bench.count(one)
    assert bench.app.relay.step() == 2
    assert bench.app.relay.step() == 0
    assert _numbers(bench.published(), one) == [1, 2]
    (first, _), row = bench.published(), bench.rows(outbox)[0]
    assert (first.value, first.headers, first.key) == (bytes(row.value), row.headers, one)
    assert bench.pending() == 0


@pytest.mark.parametrize("point", ["relay.after_produce", "relay.before_mark"])
def test_a_relay_killed_between_produce_and_mark_loses_nothing_and_keeps_the_order(bench: Bench, point: str) -> None:
    keys = [new_key() for _ in range(3)]
    for _ in range(4):
        for key in keys:
            bench.count(key)
    with failpoints.armed(point, "crash"), pytest.raises(FailpointCrash):
        bench.app.relay.step()
    assert bench.pending() == 12
    bench.restart()
    for key in keys:
        bench.count(key)
    bench.settle()
    assert bench.pending() == 0
    for key in keys:
        assert _numbers(bench.published(), key) == [1, 2, 3, 4, 1, 2, 3, 4, 5]


def test_writers_and_a_dying_relay_at_the_same_time_lose_nothing_and_keep_the_order(bench: Bench) -> None:
    keys = [new_key() for _ in range(5)]

    def write(number: int) -> None:
        chance = random.Random(number)
        for _ in range(25):
            bench.count(chance.choice(keys))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    chance = random.Random(9)
    while any(thread.is_alive() for thread in threads) or bench.pending():
        publishing = Relay(bench.app.database, bench.broker.publisher("relay"))
        point = chance.choice(["relay.after_produce", "relay.before_mark"])
        try:
            with failpoints.armed(point, f"crash:{chance.randint(1, 3)}"):
                for _ in range(5):
                    publishing.step()
        except FailpointCrash:
            pass
        publishing.close()
    assert bench.pending() == 0
    for key in keys:
        numbers = _numbers(bench.published(), key)
        assert _first_occurrences(numbers) == list(range(1, max(numbers, default=0) + 1))
    assert sum(len(set(_numbers(bench.published(), key))) for key in keys) == 100


def test_a_second_relay_waits_for_the_lock_and_takes_over_when_the_first_is_cut_off(bench: Bench) -> None:
    one = new_key()
    second = Relay(bench.app.database, bench.broker.publisher("second"))
    bench.count(one)
    assert bench.app.relay.step() == 1
    bench.count(one)
    assert second.step() == 0
    assert bench.pending() == 1
    bench.cut_leader()
    until(lambda: second.step() == 1)
    with pytest.raises(sa.exc.DBAPIError):
        bench.app.relay.step()
    second.close()
    assert _numbers(bench.published(), one) == [1, 2]


def test_the_loop_survives_losing_its_lead(bench: Bench) -> None:
    one, stopping = new_key(), threading.Event()
    thread = threading.Thread(target=bench.app.relay.run, args=(stopping,))
    thread.start()
    bench.count(one)
    until(lambda: bench.pending() == 0)
    bench.cut_leader()
    until(lambda: bench.count(one).error is None)
    until(lambda: bench.pending() == 0)
    stopping.set()
    bench.app.relay.wake()
    thread.join(5)
    assert not thread.is_alive()


def test_a_commit_wakes_the_relay(bench: Bench) -> None:
    relay_thread_woken = bench.app.relay._wake
    relay_thread_woken.clear()
    bench.count(new_key())
    assert relay_thread_woken.is_set()
    relay_thread_woken.clear()
    bench.count(new_key(), "refuse")
    assert not relay_thread_woken.is_set()


def test_another_cluster_gets_everything_that_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "CLUSTER_CHECK_SECONDS", 0.0)
    one = new_key()
    for _ in range(3):
        bench.count(one)
    bench.settle()
    broker = _memory(bench)
    broker.logs.clear()
    broker.cluster_id = "another"
    bench.count(one)
    bench.settle()
    assert _numbers(bench.published(), one) == [1, 2, 3, 4]
    assert [row.cluster_id for row in bench.rows(relay_state)] == ["another"]


def test_who_gave_up_the_lead_asks_which_cluster_it_is_before_it_publishes(bench: Bench) -> None:
    """A broker that was away may come back as another one, long before the next look at it is due."""
    one, broker = new_key(), _memory(bench)
    for _ in range(2):
        bench.count(one)
        assert bench.app.relay.step() == 1
    bench.app.relay._resign()
    broker.logs.clear()
    broker.cluster_id = "another"
    bench.count(one)
    bench.settle()
    assert _numbers(bench.published(), one) == [1, 2, 3]


def test_who_gave_up_the_lead_stands_in_nobodys_way(bench: Bench) -> None:
    """The lock belongs to a connection: back in the pool, it would hold it for ever."""
    one, other = new_key(), bench.new_application()
    bench.count(one)
    assert bench.app.relay.step() == 1
    bench.app.relay._resign()
    bench.count(one)
    until(lambda: other.relay.step() == 1)
    assert bench.app.relay.step() == 0
    other.close()
    assert _numbers(bench.published(), one) == [1, 2]


def test_a_restart_on_the_same_cluster_publishes_nothing_again(bench: Bench) -> None:
    bench.count(new_key())
    bench.settle()
    bench.restart().relay.step()
    assert len(bench.published()) == 1


def test_a_low_id_that_commits_late_is_published(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "UNFLOORED_SECONDS", 0.0)
    slow, low = new_key(), _take_id(bench, 100_000)
    bench.count(new_key())
    bench.settle()
    _write_late(bench, low, slow)
    bench.settle()
    assert _numbers(bench.published(), slow) == [1]


def test_an_id_that_commits_a_little_late_is_published_with_the_next_round(bench: Bench) -> None:
    slow, low = new_key(), _take_id(bench, relay.BACKLOG)
    bench.count(new_key())
    assert [bench.app.relay.step() for _ in range(2)] == [1, 0]  # the first round reads from the beginning, this one does not
    _write_late(bench, low, slow)
    assert bench.app.relay.step() == 1
    assert _numbers(bench.published(), slow) == [1]


class _Refusing:
    """A publisher on which the records of some keys are not acknowledged."""

    def __init__(self, broker: MemoryBroker, refused: set[str]) -> None:
        self._inner = broker.publisher("inner")
        self.refused = refused
        self.closed = 0
        self.hurried = 0
        self.renewed = 0

    def cluster_id(self) -> str:
        return self._inner.cluster_id()

    def publish(self, records: Iterable[OutRecord]) -> list[bool]:
        given = list(records)
        self._inner.publish([record for record in given if record.key not in self.refused])
        return [record.key not in self.refused for record in given]

    def renew(self) -> None:
        self.renewed += 1

    def hurry(self) -> None:
        self.hurried += 1

    def close(self) -> None:
        self.closed += 1
        self._inner.close()


def test_the_publisher_is_flushed_once_however_often_the_relay_is_closed(bench: Bench) -> None:
    publisher = _Refusing(_memory(bench), set())
    publishing = Relay(bench.app.database, publisher)
    bench.count(new_key())
    assert publishing.step() == 1
    publishing.close()
    publishing.close()
    assert publisher.closed == 1


def test_a_relay_that_is_to_stop_hurries_its_publisher_and_does_not_wait_out_its_pause(bench: Bench) -> None:
    publisher, stopping = _Refusing(_memory(bench), set()), threading.Event()
    publishing = Relay(bench.app.database, publisher)
    thread = threading.Thread(target=publishing.run, args=(stopping,))
    thread.start()
    stopping.set()
    publishing.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert (publisher.hurried, publisher.closed) == (1, 1)


def test_a_row_the_broker_refuses_blocks_its_key_only(bench: Bench) -> None:
    bad, good = new_key(), new_key()
    for key in (bad, good, bad, good):
        bench.count(key)
    publisher = _Refusing(_memory(bench), {bad})
    publishing = Relay(bench.app.database, publisher)
    assert publishing.step() == 2
    assert publishing.step() == 0
    assert _numbers(bench.published(), good) == [1, 2]
    publisher.refused = set()
    assert publishing.step() == 2
    assert _numbers(bench.published(), bad) == [1, 2]
    publishing.close()


def test_per_key_only_the_acknowledged_prefix_is_marked(bench: Bench) -> None:
    one, two = new_key(), new_key()
    for key in (one, two, one, two, one):
        bench.count(key)
    rows = bench.rows(outbox)
    sent = [(row.id, (row.topic, row.stream_key)) for row in rows]
    done = relay._acknowledged_prefixes(sent, [True, False, False, True, True])
    assert done == [rows[0].id]


def test_what_waits_is_measured_by_the_clock_of_the_events(bench: Bench) -> None:
    with bench.app.database.connect() as connection:
        relay.measure(connection, bench.clock.now())
        assert metrics.OUTBOX_OLDEST_AGE._value.get() == 0
    bench.count(new_key())
    with bench.app.database.connect() as connection:
        relay.measure(connection, bench.clock.now())
    assert metrics.OUTBOX_PENDING._value.get() == 1
    assert metrics.OUTBOX_OLDEST_AGE._value.get() == 0


def test_another_cluster_gets_another_publisher_and_the_retained_rows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "CLUSTER_CHECK_SECONDS", 0.0)
    broker, key = _memory(bench), new_key()
    publisher = _Refusing(broker, set())
    publishing = Relay(bench.app.database, publisher)
    bench.count(key)
    assert (publishing.step(), publisher.renewed) == (1, 0)
    broker.cluster_id = "another"
    assert (publishing.step(), publisher.renewed) == (1, 1)
    assert (publishing.step(), publisher.renewed) == (0, 1)
    publishing.close()


def test_a_backlog_is_published_in_long_rounds_and_in_order(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BATCH", 5)
    monkeypatch.setattr(relay, "BACKLOG", 20)
    monkeypatch.setattr("chassis.outbox.CHUNK", 5)
    publishing = Relay(bench.app.database, bench.broker.publisher("relay"))
    keys = [new_key() for _ in range(3)]
    for number in range(36):
        bench.count(keys[number % 3])
    assert [publishing.step() for _ in range(4)] == [5, 20, 11, 0]
    for key in keys:
        assert _numbers(bench.published(), key) == list(range(1, 13))
    publishing.close()
