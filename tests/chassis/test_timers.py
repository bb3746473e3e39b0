"""Due work is claimed by one worker, asked outside any transaction, and recorded once, whatever dies in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from atlas.orders.v1 import order_events_pb2
from chassis import failpoints, timer_rows, timers
from chassis.clock import ManualClock
from chassis.envelope import Cause
from chassis.failpoints import FailpointCrash
from chassis.tables import outbox, timer
from chassis.timers import TimerWorker
from chassis.world import SYSTEM, Timer
from tests.chassis.bench import START, TRACE, Bench, new_key, until

HOUR = timedelta(hours=1)


def _set(bench: Bench, count: int = 1) -> list[str]:
    """Counters whose timer is due in an hour."""
    keys = [new_key() for _ in range(count)]
    for key in keys:
        bench.count(key, "timer")
    return keys


def _advance(bench: Bench, by: timedelta = HOUR) -> None:
    assert isinstance(bench.clock, ManualClock)
    bench.clock.advance(by)


def _expire_leases(bench: Bench) -> None:
    with bench.app.database.begin() as connection:
        connection.execute(sa.update(timer).values(lease_time=sa.func.now() - sa.text("interval '1 s'")))


def test_a_timer_is_worked_when_it_is_due_and_then_gone(bench: Bench) -> None:
    (one,) = _set(bench)
    assert bench.app.timers.step() == 0
    _advance(bench)
    assert bench.app.timers.step() == 1
    assert bench.labels(one) == ["timer", "rung"]
    assert bench.faults.asked == [one]
    assert bench.rows(timer) == []


def test_what_a_timer_causes_continues_what_set_it(bench: Bench) -> None:
    _set(bench)
    _advance(bench)
    bench.app.timers.step()
    first, second = (order_events_pb2.OrderEvent.FromString(row.value).metadata for row in bench.rows(outbox))
    assert second.correlation_id == first.correlation_id == "corr"
    assert second.traceparent[3:35] == first.traceparent[3:35]
    assert second.actor.subject == "system"


def test_a_whole_batch_is_worked_together(bench: Bench) -> None:
    keys = _set(bench, 30)
    _advance(bench)
    assert bench.app.timers.step() == 30
    assert [bench.labels(key) for key in keys] == [["timer", "rung"]] * 30


def test_the_call_is_made_outside_any_transaction(bench: Bench) -> None:
    (one,) = _set(bench)
    _advance(bench)
    bench.faults.on_ask = lambda key: bench.count(one, "meanwhile")
    bench.app.timers.step()
    assert bench.labels(one) == ["timer", "meanwhile", "rung"]


@pytest.mark.parametrize(
    ("point", "asked"),
    [
        ("timers.after_claim", 1),
        ("provider.before_call", 1),
        ("provider.after_call", 2),
        ("provider.before_outcome", 2),
        ("outbox.before_commit", 2),
    ],
)
def test_a_worker_that_dies_is_followed_by_another_when_its_lease_ends(bench: Bench, point: str, asked: int) -> None:
    (one,) = _set(bench)
    _advance(bench)
    with failpoints.armed(point, "crash"), pytest.raises(FailpointCrash):
        bench.app.timers.step()
    bench.restart()
    assert bench.app.timers.step() == 0
    _expire_leases(bench)
    assert bench.app.timers.step() == 1
    assert bench.labels(one) == ["timer", "rung"]
    assert len(bench.faults.asked) == asked


def test_two_workers_share_the_due_timers(bench: Bench) -> None:
    keys = _set(bench, 40)
    _advance(bench)
    workers = [TimerWorker(bench.app.service, bench.app.blueprint.works, asking=1) for _ in range(4)]
    threads = [threading.Thread(target=worker.step) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bench.faults.asked) == sorted(keys)
    assert [bench.labels(key) for key in keys] == [["timer", "rung"]] * 40


def test_a_claimed_timer_is_skipped_and_not_waited_for(bench: Bench) -> None:
    _set(bench, 2)
    _advance(bench)
    with bench.app.database.begin() as first, bench.app.database.begin() as second:
        assert len(timer_rows.claim(first, ["ring"], bench.clock.now(), 1)) == 1
        second.execute(sa.text("set local lock_timeout = '100ms'"))
        assert len(timer_rows.claim(second, ["ring"], bench.clock.now(), 10)) == 1


def test_timers_of_a_newer_build_are_left_to_it(bench: Bench) -> None:
    with bench.app.database.begin() as connection:
        timer_rows.save(connection, [(Timer("unknown", "k", START), Cause("c", "r", TRACE, SYSTEM))])
    assert bench.app.timers.step() == 0
    assert len(bench.rows(timer)) == 1


def test_one_that_fails_alone_waits_for_its_lease_and_its_neighbours_do_not(bench: Bench) -> None:
    keys = _set(bench, 3)
    _advance(bench)
    bench.faults.failing = {"rung": 2}  # the batch, then the first alone
    bench.app.timers.step()
    assert sorted(len(bench.labels(key)) for key in keys) == [1, 2, 2]
    (left,) = bench.rows(timer)
    assert left.lease_time is not None
    _expire_leases(bench)
    bench.app.timers.step()
    assert [bench.labels(key) for key in keys] == [["timer", "rung"]] * 3


def test_a_timer_with_nothing_left_to_do_is_cleared(bench: Bench) -> None:
    with bench.app.database.begin() as connection:
        timer_rows.save(connection, [(Timer("ring", new_key(), START), Cause("c", "r", TRACE, SYSTEM))])
    assert bench.app.timers.step() == 1
    assert bench.rows(timer) == []
    assert bench.faults.asked == []


def test_a_timer_that_was_moved_while_it_was_worked_stays(bench: Bench) -> None:
    (one,) = _set(bench)
    _advance(bench)
    bench.faults.on_ask = lambda key: bench.count(one, "timer")
    bench.app.timers.step()
    (moved,) = bench.rows(timer)
    assert moved.due_time == START + 2 * HOUR
    assert moved.lease_time is None


def test_setting_a_timer_again_moves_it_and_clearing_it_removes_it(bench: Bench) -> None:
    cause = Cause("c", "r", TRACE, SYSTEM)
    with bench.app.database.begin() as connection:
        timer_rows.save(connection, [(Timer("ring", "a", START), cause), (Timer("ring", "b", START), cause)])
        timer_rows.save(connection, [(Timer("ring", "a", START + HOUR, attempt=2), cause), (Timer("ring", "b", None), cause)])
    assert [(row.key, row.due_time, row.attempt) for row in bench.rows(timer)] == [("a", START + HOUR, 2)]


def test_the_oldest_are_worked_first(bench: Bench) -> None:
    cause = Cause("c", "r", TRACE, SYSTEM)
    due = [(Timer("ring", str(hours), START - hours * HOUR), cause) for hours in range(5)]
    with bench.app.database.begin() as connection:
        timer_rows.save(connection, due)
        assert [row.key for row in timer_rows.claim(connection, ["ring"], START, 2)] == ["4", "3"]


@contextmanager
def _hanging(bench: Bench, keys: set[str]) -> Iterator[threading.Event]:
    """Calls about these keys are answered once the event is set; it is set at the end, so that nothing hangs for ever."""
    answered = threading.Event()
    bench.faults.on_ask = lambda key: key not in keys or answered.wait(60)
    try:
        yield answered
    finally:
        answered.set()


class _Waiting(threading.Event):
    """What a worker waits for; `begun` says that it does."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


@contextmanager
def _asking(bench: Bench) -> Iterator[TimerWorker]:
    """A worker that asks several questions at a time."""
    worker = TimerWorker(bench.app.service, bench.app.blueprint.works)
    try:
        yield worker
    finally:
        worker.close()


def test_a_call_that_hangs_holds_nothing_else_back(bench: Bench) -> None:
    slow, *fast = _set(bench, 6)
    _advance(bench)
    with _asking(bench) as worker, _hanging(bench, {slow}) as answered:
        assert worker.step() == 6
        until(lambda: worker.step() == 0 and all(bench.labels(key) == ["timer", "rung"] for key in fast))
        assert [row.key for row in bench.rows(timer)] == [slow]
        (later,) = _set(bench)
        _advance(bench)
        assert worker.step() == 1
        until(lambda: worker.step() == 0 and bench.labels(later) == ["timer", "rung"])
        assert bench.labels(slow) == ["timer"]
        answered.set()
        until(lambda: worker.step() == 0 and bench.labels(slow) == ["timer", "rung"])
    assert bench.rows(timer) == []
    assert sorted(bench.faults.asked) == sorted([slow, *fast, later])


def test_no_more_calls_are_under_way_than_end_within_the_lease(bench: Bench) -> None:
    keys = set(_set(bench, timers.BATCH + 10))
    _advance(bench)
    with _asking(bench) as worker, _hanging(bench, keys):
        assert worker.step() == timers.BATCH
        assert worker.step() == 0


@contextmanager
def _waiting(bench: Bench, hanging: str) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Run a worker until it waits for this call. Yields what ends its loop and what answers the call; it ends in time."""
    stopping = threading.Event()
    with _asking(bench) as worker, _hanging(bench, {hanging}) as answered:
        wake = worker._wake = _Waiting()
        thread = threading.Thread(target=worker.run, args=(stopping,))
        thread.start()
        assert wake.begun.wait(30)
        try:
            yield stopping, answered
        finally:
            stopping.set()
            answered.set()
            worker.wake()
            thread.join(5)
    assert not thread.is_alive()


def test_a_late_answer_wakes_a_worker_that_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "SHORTEST_WAIT", 60.0)
    (slow,) = _set(bench)
    _advance(bench)
    with _waiting(bench, slow) as (_stopping, answered):
        answered.set()
        until(lambda: bench.labels(slow) == ["timer", "rung"])


def test_what_was_asked_is_recorded_before_the_loop_ends(bench: Bench) -> None:
    (one,) = _set(bench)
    _advance(bench)
    with _waiting(bench, one) as (stopping, answered):
        stopping.set()
        answered.set()
    assert bench.labels(one) == ["timer", "rung"]


def test_a_call_that_raises_leaves_its_timer_to_the_lease(bench: Bench) -> None:
    bad, good = _set(bench, 2)
    _advance(bench)

    def ask(key: str) -> None:
        if key == bad:
            raise RuntimeError("the secret is 4711")

    bench.faults.on_ask = ask
    with _asking(bench) as worker:
        worker.step()
        until(lambda: worker.step() == 0 and bench.labels(good) == ["timer", "rung"])
    (left,) = bench.rows(timer)
    assert (left.key, left.lease_time is not None) == (bad, True)


def test_the_loop_waits_for_the_database_and_ends_when_told_to(bench: Bench) -> None:
    (one,) = _set(bench)
    _advance(bench)
    bench.faults.infrastructure = [sa.exc.TimeoutError("no connection")]
    stopping = threading.Event()
    thread = threading.Thread(target=bench.app.timers.run, args=(stopping,))
    thread.start()
    until(lambda: not bench.faults.infrastructure)
    _expire_leases(bench)
    until(lambda: bench.labels(one) == ["timer", "rung"])
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_commit_wakes_a_worker_that_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "SHORTEST_WAIT", 60.0)
    (one,) = _set(bench)
    stopping = threading.Event()
    thread = threading.Thread(target=bench.app.timers.run, args=(stopping,))
    thread.start()
    until(lambda: not bench.app.timers._wake.is_set())
    _advance(bench)
    bench.count(new_key())
    until(lambda: bench.labels(one) == ["timer", "rung"])
    stopping.set()
    bench.app.timers.wake()
    thread.join(5)
    assert not thread.is_alive()
