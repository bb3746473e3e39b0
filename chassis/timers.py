"""Due work: claim a batch under a lease, ask the outside world outside any transaction, record the answers as a batch."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
import structlog

from chassis import failpoints, metrics, telemetry, timer_rows
from chassis.database import is_infrastructure
from chassis.envelope import Cause
from chassis.handling import Service, Unit, in_transaction
from chassis.world import SYSTEM, Context, Decision, Keys, World

log = structlog.get_logger(__name__)
Q = TypeVar("Q")
R = TypeVar("R")
SHORTEST_WAIT, LONGEST_WAIT = 0.05, 0.25
PATIENCE = 0.1  # answers within it share a transaction
BATCH = 50  # with 8 calls at a time that take 4 s at most, done within the lease


@dataclass(frozen=True, slots=True)
class Work(Generic[Q, R]):
    """How one kind of timer is worked.

    `plan` looks at the world, decides nothing, and returns what to ask the outside world, or None where nothing is left
    to do. `perform` asks, outside any transaction; it may be repeated after a crash, so it carries its own idempotency
    key, and it turns failures of the outside world into answers. `record` decides on the answer; its last argument
    counts the attempts before. The timer is cleared unless `record` sets it again.
    """

    keys: Callable[[str], Keys]
    plan: Callable[[World, str, Context], Q | None]
    perform: Callable[[Q], R]
    record: Callable[[World, Q, R, Context, int], Decision]


@dataclass(frozen=True, slots=True)
class _Task:
    """One claimed timer, with what to ask once that is planned, and with what was answered in the end."""

    row: sa.Row[Any]
    question: Any = None
    answer: Any = None


class _Calls:
    """Questions under way: several at a time in threads of their own, or one after the other in the caller's.

    `on_answer` is called, from any thread, as each is answered.
    """

    def __init__(self, at_a_time: int, on_answer: Callable[[], None]) -> None:
        self._on_answer = on_answer
        self._pool = ThreadPoolExecutor(at_a_time, thread_name_prefix="asking") if at_a_time > 1 else None
        self._underway: dict[Future[Any], _Task] = {}

    def __len__(self) -> int:
        return len(self._underway)

    def ask(self, perform: Callable[[Any], Any], task: _Task) -> None:
        """Begin to ask, or ask."""
        call: Future[Any] = Future()
        if self._pool is not None:
            call = self._pool.submit(perform, task.question)
        else:
            call.set_result(perform(task.question))
        self._underway[call] = task
        call.add_done_callback(lambda _: self._on_answer())

    def answered(self, patience: float | None) -> list[_Task]:
        """Take what is answered within so many seconds; None waits for all."""
        done = futures.wait(self._underway, patience).done
        return [task for call in done if (task := _answered(call, self._underway.pop(call))) is not None]

    def close(self) -> None:
        """Let calls under way finish."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)


def _answered(call: Future[Any], task: _Task) -> _Task | None:
    """A call that raises breaks its promise; its timer waits for its lease."""
    try:
        return replace(task, answer=call.result())
    except Exception as error:
        _log_failed(task, error)
        return None


class TimerWorker:
    """Works the due timers of one service. Any number of workers may run; `asking` calls go out at the same time.

    An answer that takes longer than `PATIENCE` is recorded when it comes, and holds nothing else back. Timers that another
    process sets are found within `LONGEST_WAIT`; those of this process `wake` the worker.
    """

    def __init__(self, service: Service, works: Mapping[str, Work[Any, Any]], asking: int = 8) -> None:
        self._service = service
        self._works = works
        self._wake = threading.Event()
        self._calls = _Calls(asking if works else 1, self.wake)

    def wake(self) -> None:
        """Say that a timer may have been set."""
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop, then record what is still answered; the database being away is waited for."""
        wait = SHORTEST_WAIT
        while not stopping.is_set():
            if self._tried(self.step):
                wait = SHORTEST_WAIT
            elif self._wake.wait(wait):
                self._wake.clear()
                wait = SHORTEST_WAIT
            else:
                wait = min(LONGEST_WAIT, wait * 2)
        self._tried(lambda: self._end(patience=None))

    def _tried(self, work: Callable[[], int]) -> int:
        try:
            return work()
        except Exception as error:
            if not is_infrastructure(error):
                raise
            log.warning("timers_wait", error_class=type(error).__name__)
            return 0

    def step(self) -> int:
        """Begin one batch of due timers, and end those that are answered. Returns how many were due."""
        if not self._works:
            return 0
        due = self._claim()
        for kind, tasks in _by_kind(due):
            _together(tasks, partial(self._begin, self._works[kind]))
        self._end(PATIENCE if due else 0)
        return len(due)

    def _claim(self) -> list[_Task]:
        now, limit = self._service.clock.now(), BATCH - len(self._calls)
        with metrics.DB_DURATION.labels("timers").time():
            rows = in_transaction(self._service, lambda connection: timer_rows.claim(connection, self._works, now, limit))
        failpoints.hit("timers.after_claim")
        return [_Task(row) for row in rows]

    def _begin(self, work: Work[Any, Any], tasks: Sequence[_Task]) -> None:
        planned = in_transaction(self._service, lambda connection: self._plan(connection, work, tasks))
        if planned:
            failpoints.hit("provider.before_call")
        for task in planned:
            self._calls.ask(work.perform, task)

    def _end(self, patience: float | None) -> int:
        """Record what is answered within so many seconds, None for all. Returns how many."""
        answered = self._calls.answered(patience)
        if not answered:
            return 0
        failpoints.hit("provider.after_call")
        for kind, tasks in _by_kind(answered):
            _together(tasks, partial(self._record, self._works[kind]))
        self._service.on_commit()
        return len(answered)

    def _plan(self, connection: sa.Connection, work: Work[Any, Any], tasks: Sequence[_Task]) -> list[_Task]:
        unit = self._unit(connection, work, tasks)
        planned = [replace(task, question=_question(unit, work, task.row)) for task in tasks]
        timer_rows.remove_claimed(connection, [task.row for task in planned if task.question is None])
        return [task for task in planned if task.question is not None]

    def _record(self, work: Work[Any, Any], tasks: Sequence[_Task]) -> None:
        with metrics.DB_DURATION.labels("timers").time():
            in_transaction(self._service, lambda connection: self._save(connection, work, tasks))

    def _save(self, connection: sa.Connection, work: Work[Any, Any], tasks: Sequence[_Task]) -> None:
        unit = self._unit(connection, work, tasks)
        for task in tasks:
            row, cause = task.row, _cause(task.row)
            context = unit.context(cause)
            unit.accept(work.record(unit.world, task.question, task.answer, context, row.attempt), context, cause)
        unit.save()
        rows = [task.row for task in tasks]
        timer_rows.remove_claimed(connection, [row for row in rows if (row.kind, row.key) not in unit.timers])
        failpoints.hit("provider.before_outcome")

    def _unit(self, connection: sa.Connection, work: Work[Any, Any], tasks: Sequence[_Task]) -> Unit:
        wanted: Keys = frozenset()
        return Unit(self._service, connection, wanted.union(*[work.keys(task.row.key) for task in tasks]))

    def close(self) -> None:
        """Let calls under way finish."""
        self._calls.close()


def _by_kind(tasks: Iterable[_Task]) -> Iterable[tuple[str, list[_Task]]]:
    kinds: dict[str, list[_Task]] = defaultdict(list)
    for task in tasks:
        kinds[task.row.kind].append(task)
    return kinds.items()


def _together(tasks: Sequence[_Task], act: Callable[[Sequence[_Task]], None]) -> None:
    """Act on a batch; one that fails is redone one by one, and a timer that fails alone waits for its lease."""
    try:
        act(tasks)
    except Exception as error:
        if is_infrastructure(error):
            raise
        if len(tasks) == 1:
            _log_failed(tasks[0], error)
            return
        for task in tasks:
            _together([task], act)


def _log_failed(task: _Task, error: Exception) -> None:
    log.error("timer_failed", kind=task.row.kind, key=task.row.key, exc_info=error)


def _question(unit: Unit, work: Work[Any, Any], row: sa.Row[Any]) -> Any:
    return work.plan(unit.world, row.key, unit.context(_cause(row)))


def _cause(row: sa.Row[Any]) -> Cause:
    """Continue what set the timer: same correlation, same trace."""
    return Cause(row.correlation_id, row.causation_id, telemetry.child(row.traceparent), SYSTEM)
