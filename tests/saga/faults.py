"""Deaths: at a failpoint, or between any two writes of a transaction."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from chassis import failpoints
from chassis.failpoints import FailpointCrash
from tests.saga.services import Services

POINTS: Final[dict[str, tuple[str, ...]]] = {
    "command": ("command.before_commit", "command.after_commit", "outbox.before_commit"),
    "relay": ("relay.after_produce", "relay.before_mark"),
    "consume": (
        "handler.before",
        "consumer.before_commit",
        "consumer.after_commit",
        "consumer.before_offset_commit",
        "outbox.before_commit",
    ),
    "timers": (
        "timers.after_claim",
        "provider.before_call",
        "provider.after_call",
        "provider.before_outcome",
        "outbox.before_commit",
    ),
    "seal": ("sealer.before_commit", "outbox.before_commit"),
}
"""Which failpoints a kind of step may pass."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one step: a failpoint with its action, or the number of a write after which the service dies."""

    point: str
    action: str

    def __str__(self) -> str:
        return f"{self.action} at {self.point}"


Faults = Callable[[str], Fault | None]
"""Says which fault the next step of a kind meets."""


def no_fault(_kind: str) -> None:
    """Nothing goes wrong."""


def any_fault(mood: random.Random, kind: str) -> Fault:
    """Draw a fault that a kind of step may meet; some hit nothing."""
    draw = mood.random()
    if draw < 0.5:
        return Fault("write", f"crash:{mood.randint(1, 12)}")
    action = "crash" if draw < 0.9 else "raise"
    return Fault(mood.choice(POINTS[kind]), f"{action}:{mood.choice((1, 1, 2))}")


@contextmanager
def _dying_at_write(engine: sa.Engine, nth: int) -> Iterator[None]:
    writes = 0

    def count(*arguments: Any) -> None:
        nonlocal writes
        context = arguments[4]
        writes += bool(context.isinsert or context.isupdate or context.isdelete)
        if writes == nth:
            writes += 1
            raise FailpointCrash(f"write {nth}")

    sa.event.listen(engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        sa.event.remove(engine, "after_cursor_execute", count)


def survive(services: Services, name: str, step: Callable[[], int], fault: Fault | None) -> int | None:
    """Run a step of a service under a fault. None says that the service died in it, and is up again."""
    with ExitStack() as stack:
        if fault is not None and fault.point == "write":
            stack.enter_context(_dying_at_write(services[name].database, int(fault.action.partition(":")[2])))
        elif fault is not None:
            stack.enter_context(failpoints.armed(fault.point, fault.action))
        try:
            return step()
        except (FailpointCrash, failpoints.FailpointError):
            pass
    services.restart(name)
    return None
