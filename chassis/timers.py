"""Due work: claim a batch under a lease, ask the outside world outside any transaction, record the answers as a batch."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
class _Asked:
    """One timer with what to ask, and later what was answered."""

    row: sa.Row[Any]
    question: Any
    answer: Any = None


class TimerWorker:
    """Works the due timers of one service. Any number of workers may run; `asking` calls go out at the same time.

    Timers that another process sets are found within `LONGEST_WAIT`; those of this process `wake` the worker.
    """

    def __init__(self, service: Service, works: Mapping[str, Work[Any, Any]], asking: int = 8) -> None:
        self._service = service
        self._works = works
        self._wake = threading.Event()
        self._asking = ThreadPoolExecutor(asking, thread_name_prefix="asking") if works and asking > 1 else None

    def wake(self) -> None:
        """Say that a timer may have been set."""
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop; the database being away is waited for."""
        wait = SHORTEST_WAIT
        while not stopping.is_set():
            try:
                worked = self.step()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("timers_wait", error_class=type(error).__name__)
                worked = 0
            if worked:
                wait = SHORTEST_WAIT
            elif self._wake.wait(wait):
                self._wake.clear()
                wait = SHORTEST_WAIT
            else:
                wait = min(LONGEST_WAIT, wait * 2)

    def step(self) -> int:
        """Work one batch of due timers. Returns how many there were."""
        if not self._works:
            return 0
        now = self._service.clock.now()
        with metrics.DB_DURATION.labels("timers").time():
            rows = in_transaction(self._service, lambda connection: timer_rows.claim(connection, self._works, now, BATCH))
        failpoints.hit("timers.after_claim")
        kinds: dict[str, list[sa.Row[Any]]] = defaultdict(list)
        for row in rows:
            kinds[row.kind].append(row)
        for kind, mine in kinds.items():
            self._work(self._works[kind], mine)
        return len(rows)

    def _work(self, work: Work[Any, Any], rows: Sequence[sa.Row[Any]]) -> None:
        """Work timers of one kind; a batch that fails is redone one by one, and one that fails alone waits for its lease."""
        try:
            asked = in_transaction(self._service, lambda connection: self._plan(connection, work, rows))
            answered = self._perform(work, asked)
            with metrics.DB_DURATION.labels("timers").time():
                in_transaction(self._service, lambda connection: self._record(connection, work, answered))
        except Exception as error:
            if is_infrastructure(error):
                raise
            if len(rows) > 1:
                for row in rows:
                    self._work(work, [row])
                return
            log.error("timer_failed", kind=rows[0].kind, key=rows[0].key, exc_info=error)
        self._service.on_commit()

    def _perform(self, work: Work[Any, Any], asked: Sequence[_Asked]) -> list[_Asked]:
        if not asked:
            return []
        failpoints.hit("provider.before_call")
        ask = self._asking.map if self._asking is not None and len(asked) > 1 else map
        answers = list(ask(work.perform, [item.question for item in asked]))
        failpoints.hit("provider.after_call")
        return [_Asked(item.row, item.question, answer) for item, answer in zip(asked, answers, strict=True)]

    def _plan(self, connection: sa.Connection, work: Work[Any, Any], rows: Sequence[sa.Row[Any]]) -> list[_Asked]:
        unit = self._unit(connection, work, rows)
        asked = [_Asked(row, work.plan(unit.world, row.key, unit.context(_cause(row)))) for row in rows]
        timer_rows.remove_claimed(connection, [item.row for item in asked if item.question is None])
        return [item for item in asked if item.question is not None]

    def _record(self, connection: sa.Connection, work: Work[Any, Any], answered: Sequence[_Asked]) -> None:
        unit = self._unit(connection, work, [item.row for item in answered])
        for item in answered:
            row, cause = item.row, _cause(item.row)
            context = unit.context(cause)
            unit.accept(work.record(unit.world, item.question, item.answer, context, row.attempt), context, cause)
        unit.save()
        rows = [item.row for item in answered]
        timer_rows.remove_claimed(connection, [row for row in rows if (row.kind, row.key) not in unit.timers])
        failpoints.hit("provider.before_outcome")

    def _unit(self, connection: sa.Connection, work: Work[Any, Any], rows: Sequence[sa.Row[Any]]) -> Unit:
        wanted: Keys = frozenset()
        return Unit(self._service, connection, wanted.union(*[work.keys(row.key) for row in rows]))

    def close(self) -> None:
        """Let calls under way finish."""
        if self._asking is not None:
            self._asking.shutdown(wait=True)


def _cause(row: sa.Row[Any]) -> Cause:
    """Continue what set the timer: same correlation, same trace."""
    return Cause(row.correlation_id, row.causation_id, telemetry.child(row.traceparent), SYSTEM)
