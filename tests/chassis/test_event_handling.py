"""A batch of events has its effects once; what fails stops only its own key, and nothing is dropped silently."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.orders.v1 import order_events_pb2
from chassis import failpoints, metrics, parking
from chassis.broker import InRecord
from chassis.event_handling import MAX_BAD_IN_A_ROW, TooManyBadRecords
from chassis.failpoints import FailpointCrash
from chassis.tables import dead_letter, inbox, outbox, parked_event, stream_position
from tests.chassis.bench import Bench, new_key


def _handled(result: str) -> float:
    return float(metrics.INBOX_HANDLED.labels(result)._value.get())


def test_a_batch_is_applied_in_order_and_tells_what_it_did(bench: Bench) -> None:
    one, two = new_key(), new_key()
    bench.events.handle([bench.record(one, "a"), bench.record(two, "x"), bench.record(one, "b"), bench.record(one, "c")])
    assert bench.labels(one) == ["a", "b", "c"]
    assert bench.labels(two) == ["x"]
    told = [(row.stream_key, row.stream_sequence) for row in bench.rows(outbox)]
    assert told == [(one, 1), (two, 1), (one, 2), (one, 3)]


def test_an_event_carries_on_what_caused_it(bench: Bench) -> None:
    one = new_key()
    record = bench.record(one, "a")
    bench.events.handle([record])
    (row,) = bench.rows(outbox)
    metadata = order_events_pb2.OrderEvent.FromString(row.value).metadata
    assert metadata.causation_id == record.headers["ce_id"]
    assert metadata.correlation_id == "corr"
    assert metadata.traceparent[3:35] == "1" * 32
    assert metadata.traceparent != record.headers["traceparent"]
    assert metadata.handling_attempt == 1


def test_an_event_read_twice_counts_once(bench: Bench) -> None:
    one = new_key()
    first, second = bench.record(one, "a"), bench.record(one, "b")
    bench.events.handle([first, first, second])
    before = _handled("duplicate")
    bench.events.handle([first, second, second])
    assert bench.labels(one) == ["a", "b"]
    assert _handled("duplicate") - before == 3


def test_the_number_in_the_stream_drops_duplicates_when_the_inbox_has_forgotten(bench: Bench) -> None:
    one = new_key()
    records = [bench.record(one, "a"), bench.record(one, "b")]
    bench.events.handle(records)
    again = bench.record(one, "a", sequence=1)
    with bench.app.database.begin() as connection:
        connection.execute(sa.delete(inbox))
    bench.advance(timedelta(days=30))
    bench.events.handle([*records, again])
    assert bench.labels(one) == ["a", "b"]
    assert [row.sequence for row in bench.rows(stream_position)] == [2]


def test_what_a_broker_without_its_data_delivers_behind_later_events_is_not_lost(bench: Bench) -> None:
    one = new_key()
    early, late = bench.record(one, "early"), bench.record(one, "late")
    bench.events.handle([late])
    bench.events.handle([early, late])
    bench.events.handle([early, late])
    assert bench.labels(one) == ["late", "early"]
    assert [row.sequence for row in bench.rows(stream_position)] == [2]


def test_a_gap_in_a_stream_holds_nothing_up(bench: Bench) -> None:
    one = new_key()
    bench.events.handle([bench.record(one, "a", sequence=1), bench.record(one, "c", sequence=7)])
    assert bench.labels(one) == ["a", "c"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(), cut=st.integers(1, 7))
def test_however_often_and_in_whatever_batches_events_are_read_each_counts_once(bench: Bench, seed: int, cut: int) -> None:
    chance = random.Random(seed)
    keys = [new_key() for _ in range(3)]
    events = [bench.record(key, f"{number}") for number in range(4) for key in keys]
    read: list[InRecord] = []
    for position, event in enumerate(events):
        read += [event, *chance.choices(events[: position + 1], k=chance.randint(0, 3))]
    for start in range(0, len(read), cut):
        bench.events.handle(read[start : start + cut])
    assert [bench.labels(key) for key in keys] == [["0", "1", "2", "3"]] * 3


def test_an_unknown_or_unwanted_event_is_skipped_and_counted(bench: Bench) -> None:
    one = new_key()
    envelope = order_events_pb2.OrderEvent.FromString(bench.record(one, "a").value)
    envelope.ClearField("order_confirmed")
    unknown = envelope.SerializeToString() + bytes([0xFA, 0x3F, 0x00])
    envelope.order_fulfilled.order_id = one
    before = _handled("skipped")
    bench.events.handle([bench.raw(unknown), bench.raw(envelope.SerializeToString()), bench.record(one, "b", sequence=2)])
    assert bench.labels(one) == ["b"]
    assert _handled("skipped") - before == 2
    assert bench.rows(parked_event) == bench.rows(dead_letter) == []


def test_bytes_nobody_can_read_go_to_the_dead_letters_and_block_no_key(bench: Bench) -> None:
    one = new_key()
    poison = bench.raw(b"\xff not an envelope", key=one, headers={"traceparent": "t", "x": "y"})
    bench.events.handle([bench.record(one, "a"), poison, bench.record(one, "b")])
    assert bench.labels(one) == ["a", "b"]
    (letter,) = bench.rows(dead_letter)
    assert (letter.state, letter.parked_event_id, letter.event_id, bytes(letter.value)) == ("DEAD", None, None, poison.value)
    (sent,) = [row for row in bench.rows(outbox) if row.event_type == "DeadLetter"]
    assert (sent.topic, sent.stream_key, sent.stream_sequence, bytes(sent.value)) == (
        "test.in.dlq.v1",
        one,
        None,
        poison.value,
    )
    assert sent.headers["x"] == "y"
    assert sent.headers["dlq_topic"] == "test.in.v1"
    assert sent.headers["dlq_offset"] == str(poison.offset)
    assert sent.headers["dlq_error_class"] == "Poison"


def test_a_dead_letter_read_again_is_not_published_again(bench: Bench) -> None:
    poison = bench.raw(b"\xff")
    bench.events.handle([poison])
    bench.events.handle([poison])
    assert len(bench.rows(dead_letter)) == len(bench.rows(outbox)) == 1


@pytest.mark.parametrize("key", ["", "k" * 5_000])
def test_poison_with_an_odd_key_is_kept_too(bench: Bench, key: str) -> None:
    bench.events.handle([bench.raw(b"\xff", key=key)])
    assert bench.rows(dead_letter)[0].stream_key == key
    assert bench.rows(outbox)[0].stream_key == (key[:255] or "-")


def test_poison_too_large_for_the_outbox_is_kept_for_people(bench: Bench) -> None:
    one = new_key()
    bench.events.handle([bench.raw(b"\xff" * 900_001), bench.record(one, "a")])
    assert bench.labels(one) == ["a"]
    assert len(bench.rows(dead_letter)) == 1
    assert [row.event_type for row in bench.rows(outbox)] == ["OrderStateChanged"]


def test_an_event_its_own_handler_cannot_read_is_dead_at_once_and_blocks_its_key(bench: Bench) -> None:
    one, two = new_key(), new_key()
    bench.faults.unreadable = {"bad"}
    bench.events.handle([bench.record(one, "bad"), bench.record(two, "x"), bench.record(one, "b")])
    assert bench.labels(one) == []
    assert bench.labels(two) == ["x"]
    assert [row.state for row in bench.rows(parked_event)] == [parking.DEAD, parking.QUEUED]
    (letter,) = bench.rows(dead_letter)
    assert (letter.parked_event_id, letter.attempts) == (bench.rows(parked_event)[0].id, 1)


def test_an_event_that_fails_is_parked_and_its_neighbours_are_not(bench: Bench) -> None:
    one, two = new_key(), new_key()
    bench.faults.failing = {"bad": 9}
    records = [bench.record(one, "a"), bench.record(one, "bad"), bench.record(two, "x"), bench.record(one, "c")]
    bench.events.handle(records)
    assert bench.labels(one) == ["a"]
    assert bench.labels(two) == ["x"]
    failed, behind = bench.rows(parked_event)
    assert (failed.state, failed.attempts, failed.error_class) == (parking.PARKED, 1, "RuntimeError")
    assert (behind.state, behind.attempts, behind.error_class) == (parking.QUEUED, 0, "")
    assert bench.rows(dead_letter) == []


def test_an_error_that_is_kept_does_not_keep_its_text(bench: Bench) -> None:
    bench.faults.failing = {"bad": 1}
    bench.events.handle([bench.record(new_key(), "bad")])
    assert not [value for row in bench.rows(parked_event) for value in row._mapping.values() if "4711" in str(value)]


def test_another_cluster_counts_offsets_anew_and_nothing_hides_behind_what_failed_there(bench: Bench) -> None:
    one, two = new_key(), new_key()
    bench.faults.failing = {"bad": 9, "new": 1}
    failed, poison = bench.record(one, "bad"), bench.raw(b"\xff")
    bench.events.handle([failed, poison])
    bench.events.handle([replace(bench.record(two, "new"), offset=failed.offset), replace(poison, value=b"\xfe")])
    assert [(row.stream_key, row.offset) for row in bench.rows(parked_event)] == [(one, failed.offset), (two, failed.offset)]
    assert [(bytes(row.value), row.offset) for row in bench.rows(dead_letter)] == [(b"\xff", 2), (b"\xfe", 2)]


def test_later_batches_queue_behind_a_parked_event(bench: Bench) -> None:
    one = new_key()
    bench.faults.failing = {"bad": 9}
    bench.events.handle([bench.record(one, "bad")])
    bench.events.handle([bench.record(one, "b"), bench.record(one, "c")])
    assert bench.labels(one) == []
    assert [row.state for row in bench.rows(parked_event)] == [parking.PARKED, parking.QUEUED, parking.QUEUED]


def _pool_is_full() -> Exception:
    return sa.exc.TimeoutError("no connection")


def _gone() -> Exception:
    return sa.exc.OperationalError("select", {}, psycopg.OperationalError("the connection is lost"))


@pytest.mark.parametrize("error", [_pool_is_full, _gone])
def test_a_failing_infrastructure_comes_out_and_counts_no_attempt(bench: Bench, error: Callable[[], Exception]) -> None:
    one = new_key()
    record = bench.record(one, "a")
    bench.faults.infrastructure = [error()]
    with pytest.raises(sa.exc.SQLAlchemyError):
        bench.events.handle([record, bench.record(one, "b")])
    assert bench.rows(parked_event) == bench.rows(inbox) == []
    bench.events.handle([record])
    assert bench.labels(one) == ["a"]


@pytest.mark.parametrize("point", ["consumer.before_commit", "consumer.after_commit", "outbox.before_commit"])
def test_a_crash_around_the_commit_neither_loses_nor_doubles(bench: Bench, point: str) -> None:
    one = new_key()
    records = [bench.record(one, "a"), bench.record(one, "b")]
    with failpoints.armed(point, "crash"), pytest.raises(FailpointCrash):
        bench.events.handle(records)
    bench.restart()
    bench.events.handle(records)
    assert bench.labels(one) == ["a", "b"]
    assert [row.stream_sequence for row in bench.rows(outbox)] == [1, 2]


def test_nothing_is_counted_that_was_not_committed(bench: Bench) -> None:
    before = _handled("applied")
    with failpoints.armed("consumer.before_commit", "crash"), pytest.raises(FailpointCrash):
        bench.events.handle([bench.record(new_key(), "a")])
    assert _handled("applied") == before


def test_the_age_of_an_event_is_measured_by_topic(bench: Bench) -> None:
    count = metrics.EVENT_AGE.labels("test.in.v1")._sum
    before: Any = count.get()
    bench.events.handle([bench.record(new_key(), "a")])
    assert count.get() >= before


def test_more_than_50_bad_records_in_a_row_stop_the_consumer_before_the_next(bench: Bench) -> None:
    bench.faults.failing = {"bad": 10**6}
    events = bench.events
    events.handle([bench.record(new_key(), "bad") for _ in range(30)])
    events.handle([bench.record(new_key(), "good")])
    with pytest.raises(TooManyBadRecords):
        events.handle([bench.record(new_key(), "bad") for _ in range(MAX_BAD_IN_A_ROW + 5)])
    assert len(bench.rows(parked_event)) == 30 + MAX_BAD_IN_A_ROW


def test_what_is_skipped_or_queues_between_bad_records_does_not_let_more_through(bench: Bench) -> None:
    bench.faults.failing = {"bad": 10**6}
    first, events = new_key(), bench.events
    unwanted = order_events_pb2.OrderEvent.FromString(bench.record(new_key(), "a").value)
    unwanted.order_fulfilled.order_id = first
    events.handle([bench.record(first, "bad")])

    def read_on() -> None:
        for _ in range(MAX_BAD_IN_A_ROW + 5):
            events.handle([bench.record(first, "queued")])
            events.handle([bench.raw(unwanted.SerializeToString())])
            events.handle([bench.record(new_key(), "bad")])

    with pytest.raises(TooManyBadRecords):
        read_on()
    assert len([row for row in bench.rows(parked_event) if row.state == parking.PARKED]) == MAX_BAD_IN_A_ROW


def test_a_restart_does_not_let_more_bad_records_through(bench: Bench) -> None:
    bench.faults.failing = {"bad": 10**6}
    records = [bench.record(new_key(), "bad") for _ in range(MAX_BAD_IN_A_ROW + 5)]
    for _ in range(2):
        with pytest.raises(TooManyBadRecords):
            bench.events.handle(records)
    assert len(bench.rows(parked_event)) == MAX_BAD_IN_A_ROW
    bench.faults.failing = {}
    bench.events.handle(records)
    assert len(bench.rows(parked_event)) == MAX_BAD_IN_A_ROW


def test_unreadable_records_stop_it_too_until_a_person_has_discarded_them(bench: Bench) -> None:
    records = [bench.raw(b"\xff") for _ in range(MAX_BAD_IN_A_ROW + 5)]
    with pytest.raises(TooManyBadRecords):
        bench.events.handle(records)
    assert len(bench.rows(dead_letter)) == MAX_BAD_IN_A_ROW
    with bench.app.database.begin() as connection:
        connection.execute(sa.update(dead_letter).values(state="DISCARDED"))
    bench.events.handle(records)
    assert len(bench.rows(dead_letter)) == MAX_BAD_IN_A_ROW + 5


def test_an_id_that_comes_twice_with_two_keys_is_one_event(bench: Bench) -> None:
    one, two, event_id = new_key(), new_key(), str(uuid.uuid4())
    bench.events.handle([bench.record(one, "a", event_id=event_id), bench.record(two, "b", event_id=event_id)])
    assert (bench.labels(one), bench.labels(two)) == (["a"], [])
