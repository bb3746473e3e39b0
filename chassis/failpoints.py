"""Failpoints: named places in the code where a test may make the process die or an error appear.

`NAMES` is the whole registry; the crash test is parametrised over it. Nothing happens at a failpoint unless it is armed,
for a process by ATLAS_FAILPOINTS="relay.before_mark=kill,consumer.before_commit=raise:3", inside a test by `armed(...)`.
An action is `kill` (SIGKILL to this process), `raise` (FailpointError, a failure handlers see) or `crash` (FailpointCrash,
which `except Exception` does not catch: a crash inside one process); `:N` fires it at the Nth hit; every action fires once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

NAMES: Final[dict[str, str]] = {
    "command.before_commit": "a command's rows, events and stored response are written, nothing is committed",
    "command.after_commit": "a command is committed, its caller has no answer yet",
    "outbox.before_commit": "outbox rows are inserted, their transaction is still open",
    "relay.after_produce": "events are handed to the producer, no acknowledgement is awaited yet",
    "relay.before_mark": "the broker has acknowledged events that the outbox still shows as pending",
    "consumer.before_commit": "a batch of events is applied, nothing is committed",
    "consumer.after_commit": "a batch of events is committed, the loop knows nothing of it",
    "consumer.before_offset_commit": "a batch of events is committed, its offsets are not",
    "timers.after_claim": "a due deadline is locked, its action has not run",
    "provider.before_call": "the intent of an outside call is recorded, nothing is sent",
    "provider.after_call": "the outside world has answered, the answer is only in memory",
    "provider.before_outcome": "the outcome of an outside call is written, nothing is committed",
}
ACTIONS: Final = ("kill", "raise", "crash")


class FailpointError(Exception):
    """Raised at a failpoint armed with `raise`."""


class FailpointCrash(BaseException):
    """Raised at a failpoint armed with `crash`: unwinds past every handler, as the death of the process would."""


@dataclass(slots=True)
class _Trigger:
    action: str
    countdown: int


_lock = threading.Lock()
_armed: dict[str, _Trigger] = {}


def hit(name: str) -> None:
    """Pass the failpoint `name`: nothing happens unless it is armed. An unknown name is a KeyError."""
    if name not in NAMES:
        raise KeyError(f"unknown failpoint {name!r}: list it in chassis.failpoints.NAMES")
    if _armed:
        _fire(name)


@contextmanager
def armed(name: str, action: str) -> Iterator[None]:
    """Arm one failpoint in this process ("raise", "crash:2", …) while the block runs."""
    trigger = _trigger(name, action)
    previous = _armed.get(name)
    _armed[name] = trigger
    try:
        yield
    finally:
        del _armed[name]
        if previous is not None:
            _armed[name] = previous


def parse(specification: str) -> dict[str, _Trigger]:
    """Read the form of ATLAS_FAILPOINTS, "name=action[:N],…"; anything malformed is a ValueError."""
    triggers: dict[str, _Trigger] = {}
    for part in filter(None, (part.strip() for part in specification.split(","))):
        name, _, action = part.partition("=")
        triggers[name] = _trigger(name, action)
    return triggers


def _trigger(name: str, action: str) -> _Trigger:
    kind, colon, nth = action.partition(":")
    if name not in NAMES:
        raise ValueError(f"unknown failpoint {name!r}; known: {', '.join(NAMES)}")
    if kind not in ACTIONS or (colon and (not nth.isdecimal() or int(nth) < 1)):
        raise ValueError(f"failpoint {name}: {action!r} is not one of {', '.join(ACTIONS)} with an optional :N")
    return _Trigger(kind, int(nth) if colon else 1)


def _fire(name: str) -> None:
    with _lock:
        trigger = _armed.get(name)
        if trigger is None:
            return
        trigger.countdown -= 1
        if trigger.countdown != 0:
            return
    if trigger.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if trigger.action == "crash":
        raise FailpointCrash(name)
    raise FailpointError(name)


# At import, so that no process can forget to arm what its environment asks for, and a misspelt name stops it at once.
_armed.update(parse(os.environ.get("ATLAS_FAILPOINTS", "")))
