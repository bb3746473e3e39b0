"""Due work: claim under a lease, call the outside world outside any transaction, record the outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
import structlog

from chassis import failpoints, telemetry, timer_rows
from chassis.database import is_infrastructure
from chassis.envelope import Cause
from chassis.handling import Service, Unit, in_transaction
from chassis.world import SYSTEM, Context, Decision, Keys, Timer, World

log = structlog.get_logger(__name__)
Q = TypeVar("Q")
R = TypeVar("R")
IDLE_SECONDS = 0.1
BATCH = 20


@dataclass(frozen=True, slots=True)
class Work(Generic[Q, R]):
    """How one kind of timer is worked.

    `plan` looks at the world, decides nothing, and returns what to ask the outside world, or None where nothing is left
    to do. `perform` asks, outside any transaction; it may be repeated after a crash, so it carries its own idempotency
    key. `record` decides on the answer. The timer is cleared unless `record` sets it again.
    """

    keys: Callable[[str], Keys]
    plan: Callable[[World, str, Context], Q | None]
    perform: Callable[[Q], R]
    record: Callable[[World, Q, R, Context, int], Decision]


class TimerWorker:
    """Works the due timers of one service. Any number of workers may run."""

    def __init__(self, service: Service, works: Mapping[str, Work[Any, Any]]) -> None:
        self._service = service
        self._works = works

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop; the database being away is waited for."""
        while not stopping.is_set():
            try:
                worked = self.step()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("timers_wait", error_class=type(error).__name__)
                worked = 0
            if not worked:
                stopping.wait(IDLE_SECONDS)

    def step(self) -> int:
        """Work one batch of due timers. Returns how many there were."""
        if not self._works:
            return 0
        now = self._service.clock.now()
        rows = in_transaction(self._service, lambda connection: timer_rows.claim(connection, now, BATCH))
        failpoints.hit("timers.after_claim")
        for row in rows:
            self._work(row)
        return len(rows)

    def _work(self, row: sa.Row[Any]) -> None:
        work = self._works[row.kind]
        cause = Cause("", f"timer:{row.kind}:{row.key}", telemetry.new_traceparent(), SYSTEM)
        try:
            question = in_transaction(self._service, lambda connection: self._plan(connection, work, row, cause))
            if question is None:
                return
            failpoints.hit("provider.before_call")
            answer = work.perform(question)
            failpoints.hit("provider.after_call")
            in_transaction(self._service, lambda connection: self._record(connection, work, row, cause, (question, answer)))
            self._service.on_commit()
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.error("timer_failed", kind=row.kind, key=row.key, exc_info=error)

    def _plan(self, connection: sa.Connection, work: Work[Any, Any], row: sa.Row[Any], cause: Cause) -> Any | None:
        unit = Unit(self._service, connection, work.keys(row.key))
        question = work.plan(unit.world, row.key, unit.context(cause))
        if question is None:
            timer_rows.remove(connection, row.kind, row.key)
        return question

    def _record(
        self, connection: sa.Connection, work: Work[Any, Any], row: sa.Row[Any], cause: Cause, outcome: tuple[Any, Any]
    ) -> None:
        unit = Unit(self._service, connection, work.keys(row.key))
        context = unit.context(cause)
        decision = work.record(unit.world, *outcome, context, row.attempt)
        unit.accept(decision, context, cause)
        unit.world.timers.setdefault((row.kind, row.key), Timer(row.kind, row.key, due_time=None))
        unit.save()
        failpoints.hit("provider.before_outcome")
