"""Parked events are tried again in the order of their key, five times; then a person decides."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from atlas.orders.v1 import order_events_pb2
from chassis import failpoints, parking
from chassis.failpoints import FailpointCrash
from chassis.tables import dead_letter, inbox, outbox, parked_event, stream_position
from tests.chassis.bench import Bench, LatestTry, new_key
from tests.chassis.counter import IN, OUT


def _park(bench: Bench, failures: int) -> str:
    """A key whose second event fails so many times, with one event queued behind it."""
    one = new_key()
    bench.faults.failing = {"bad": failures}
    for label in ("a", "bad", "c"):
        bench.events.handle([bench.record(one, label)])
    return one


def _try(bench: Bench, times: int = 1) -> int:
    handled = 0
    for _ in range(times):
        bench.make_due()
        handled += bench.parked.retry_due()
    return handled


def test_a_handler_that_fails_three_times_is_tried_until_it_works_and_then_in_order(bench: Bench) -> None:
    one = _park(bench, 3)
    bench.events.handle([bench.record(one, "d")])
    assert _try(bench, 2) == 0
    assert [(row.state, row.attempts) for row in bench.rows(parked_event)] == [("PARKED", 3), ("QUEUED", 0), ("QUEUED", 0)]
    assert _try(bench) == 3
    assert bench.labels(one) == ["a", "bad", "c", "d"]
    assert bench.rows(parked_event) == bench.rows(dead_letter) == []
    attempts = [order_events_pb2.OrderEvent.FromString(row.value).metadata.handling_attempt for row in bench.rows(outbox)]
    assert attempts == [1, 4, 1, 1]


def test_what_a_retry_decides_wakes_the_relay(bench: Bench) -> None:
    _park(bench, 1)
    bench.app.relay._wake.clear()
    assert _try(bench) == 2
    assert bench.app.relay._wake.is_set()


def test_nothing_is_tried_before_its_time(bench: Bench) -> None:
    one = _park(bench, 1)
    assert bench.parked.retry_due() == 0
    assert bench.labels(one) == ["a"]


def test_five_failures_are_a_dead_letter_and_its_key_waits(bench: Bench) -> None:
    one = _park(bench, 99)
    assert _try(bench, 9) == 0
    dead, behind = bench.rows(parked_event)
    assert (dead.state, dead.attempts, behind.state) == (parking.DEAD, 5, parking.QUEUED)
    (letter,) = bench.rows(dead_letter)
    assert (letter.parked_event_id, letter.attempts, letter.stream_key) == (dead.id, 5, one)
    assert letter.first_failure_time < letter.last_failure_time
    assert [row.topic for row in bench.rows(outbox)] == ["test.out.v1", "test.in.dlq.v1"]
    assert bench.labels(one) == ["a"]


def test_other_keys_go_on_meanwhile(bench: Bench) -> None:
    _park(bench, 99)
    _try(bench, 9)
    two = new_key()
    bench.events.handle([bench.record(two, "x")])
    assert bench.labels(two) == ["x"]


def test_the_same_key_of_another_topic_waits_for_nobody(bench: Bench) -> None:
    one = _park(bench, 99)
    other = replace(bench.record(one, "x"), topic=bench.topics[OUT])
    with bench.app.database.begin() as connection:
        parking.park(connection, bench.identity, other, one)
    assert _try(bench) == 1
    assert {row.topic for row in bench.rows(parked_event)} == {bench.topics[IN]}


def test_what_turns_out_to_be_unreadable_is_dead_at_once(bench: Bench) -> None:
    _park(bench, 1)
    bench.faults.unreadable = {"bad"}
    _try(bench)
    assert [(row.state, row.attempts) for row in bench.rows(parked_event)] == [(parking.DEAD, 2), (parking.QUEUED, 0)]


def test_one_that_somebody_has_changed_meanwhile_is_not_tried_as_it_was(bench: Bench) -> None:
    _park(bench, 99)
    bench.make_due()
    with bench.app.database.begin() as connection:
        row = parking.next_due(connection, bench.identity)
        assert row is not None
        assert parking.lock(connection, row)
        assert parking.retry_now(connection, row.id)
        assert not parking.lock(connection, row)


def test_an_event_queued_behind_another_may_fail_itself(bench: Bench) -> None:
    one = _park(bench, 1)
    bench.faults.failing["c"] = 2
    assert _try(bench) == 1
    (row,) = bench.rows(parked_event)
    assert (row.state, row.attempts, row.error_class) == ("PARKED", 1, "RuntimeError")
    assert row.create_time < row.first_failure_time == row.last_failure_time  # not when it began to wait
    assert _try(bench, 2) == 1
    assert bench.labels(one) == ["a", "bad", "c"]


def test_an_event_read_again_while_it_is_parked_is_not_parked_twice(bench: Bench) -> None:
    one = new_key()
    bench.faults.failing = {"bad": 1}
    records = [bench.record(one, "a"), bench.record(one, "bad"), bench.record(one, "c")]
    for record in records:
        bench.events.handle([record])
    bench.events.handle(records)
    _try(bench, 3)
    assert bench.labels(one) == ["a", "bad", "c"]
    assert bench.rows(parked_event) == []


def test_the_infrastructure_failing_counts_no_attempt(bench: Bench) -> None:
    one = _park(bench, 1)
    bench.make_due()
    bench.faults.infrastructure = [sa.exc.TimeoutError("no connection")]
    with pytest.raises(sa.exc.TimeoutError):
        bench.parked.retry_due()
    assert [row.attempts for row in bench.rows(parked_event)] == [1, 0]
    bench.parked.retry_due()
    assert bench.labels(one) == ["a", "bad", "c"]


def test_a_crash_while_trying_again_neither_loses_nor_doubles(bench: Bench) -> None:
    one = _park(bench, 1)
    bench.make_due()
    with failpoints.armed("outbox.before_commit", "crash"), pytest.raises(FailpointCrash):
        bench.parked.retry_due()
    bench.parked.retry_due()
    assert bench.labels(one) == ["a", "bad", "c"]


def test_two_workers_never_apply_an_event_twice(bench: Bench) -> None:
    keys = [_park(bench, 1) for _ in range(10)]
    bench.make_due()
    threads = [threading.Thread(target=bench.parked.retry_due) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _try(bench)
    assert [bench.labels(key) for key in keys] == [["a", "bad", "c"]] * 10


def test_one_that_another_worker_holds_is_left_to_it(bench: Bench) -> None:
    one = _park(bench, 1)
    bench.make_due()
    with bench.app.database.begin() as connection:
        row = parking.next_due(connection, bench.identity)
        assert row is not None
        assert bench.parked.retry_due() == 0
    assert bench.parked.retry_due() == 2
    assert bench.labels(one) == ["a", "bad", "c"]


def _replay(bench: Bench) -> None:
    """Hand every dead letter back, as an operator does."""
    with bench.app.database.begin() as connection:
        connection.execute(sa.update(dead_letter).values(state="REPLAYED"))
        for row in connection.execute(sa.select(dead_letter)).all():
            if row.parked_event_id is None or not parking.retry_now(connection, row.parked_event_id):
                parking.park(connection, row.handler, parking.record_of(row), row.stream_key, state=parking.PARKED)


def test_a_replayed_event_is_applied_before_what_waited_for_it(bench: Bench) -> None:
    one = _park(bench, 5)
    _try(bench, 9)
    assert bench.labels(one) == ["a"]
    _replay(bench)
    assert bench.parked.retry_due() == 2
    assert bench.labels(one) == ["a", "bad", "c"]


def test_a_replayed_event_that_dies_again_is_published_again(bench: Bench) -> None:
    _park(bench, 99)
    _try(bench, 9)
    _replay(bench)
    assert _try(bench, 9) == 0
    (letter,) = bench.rows(dead_letter)
    assert (letter.state, letter.version, letter.attempts) == ("DEAD", 2, 5)
    assert [row.topic for row in bench.rows(outbox)].count("test.in.dlq.v1") == 2


def test_unreadable_bytes_replayed_in_vain_are_dead_again_and_still_block_nothing(bench: Bench) -> None:
    one = new_key()
    bench.events.handle([bench.raw(b"\xff", key=one)])
    _replay(bench)
    assert bench.parked.retry_due() == 0
    assert bench.rows(parked_event) == []
    assert [row.state for row in bench.rows(dead_letter)] == ["DEAD"]
    bench.events.handle([bench.record(one, "a")])
    assert bench.labels(one) == ["a"]


@pytest.mark.parametrize("days", [0, 40])
def test_bytes_a_newer_build_can_read_are_applied_although_their_stream_went_on(bench: Bench, days: int) -> None:
    """The old build could not read the first event of the stream, so the second did not wait for it.

    That it was never applied is known however long ago it is, though the inbox would take it for known by its number.
    """
    one = new_key()
    first, second = bench.record(one, "late"), bench.record(one, "b")
    bench.events.handle([bench.raw(b"\xff", key=one), second])
    with bench.app.database.begin() as connection:
        connection.execute(sa.update(dead_letter).values(value=first.value))
    bench.advance(timedelta(days=days))
    _replay(bench)
    assert bench.parked.retry_due() == 1
    assert bench.labels(one) == ["b", "late"]
    bench.events.handle([first, second])
    assert bench.labels(one) == ["b", "late"]
    assert len(bench.rows(inbox)) == 2
    assert [row.sequence for row in bench.rows(stream_position)] == [2]


def test_waiting_grows_with_each_failure_up_to_a_minute() -> None:
    waits = [parking.delay(attempts, LatestTry()).total_seconds() for attempts in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
