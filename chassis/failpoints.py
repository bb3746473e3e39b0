"""Failpoints: named places in the code where a test may make the process die or an error appear.

`NAMES` is the whole registry; the crash tests are parametrised over it. Nothing happens at a failpoint unless it is armed:
inside a test by `armed(...)`, for a process by ATLAS_FAILPOINTS="relay.before_mark=kill,consumer.before_commit=raise:3", and
for processes that run by ATLAS_FAILPOINTS=/a/folder, in which the file order_svc/relay.before_mark holds one action a line.
Whenever one fires there, relay.before_mark.hits gains a line, and a `kill` takes the file away: it kills one process.

An action is `kill` (SIGKILL to this process), `raise` (FailpointError, a failure handlers see) or `crash` (FailpointCrash,
which `except Exception` does not catch: a crash inside one process). `:N` fires it at the Nth hit, `*M` M times instead of
once; where the code knows the attempt, `*M` fails the first M attempts, until one passes. `@KEY` means one key only.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAMES: Final[dict[str, str]] = {
    "command.before_commit": "a command's rows, events and stored response are written, nothing is committed",
    "command.after_commit": "a command is committed, its caller has no answer yet",
    "outbox.before_commit": "outbox rows are inserted, their transaction is still open",
    "relay.after_produce": "events are handed to the producer, no acknowledgement is awaited yet",
    "relay.before_mark": "the broker has acknowledged events that the outbox still shows as pending",
    "handler.before": "the reaction to an event is about to run; the key is its stream's",
    "consumer.before_commit": "a batch of events is applied, nothing is committed",
    "consumer.after_commit": "a batch of events is committed, the loop knows nothing of it",
    "consumer.before_offset_commit": "a batch of events is committed, its offsets are not",
    "timers.after_claim": "a due deadline is locked, its action has not run",
    "provider.before_call": "the intent of an outside call is recorded, nothing is sent",
    "provider.after_call": "the outside world has answered, the answer is only in memory",
    "provider.before_outcome": "the outcome of an outside call is written, nothing is committed",
    "sealer.before_commit": "seals, balances and the head of the chain are written, nothing is committed",
}
ACTIONS: Final = ("kill", "raise", "crash")
_ACTION: Final = re.compile(r"(?P<kind>[a-z]+)(:(?P<nth>[1-9][0-9]*))?(\*(?P<times>[1-9][0-9]*))?(@(?P<key>\S+))?")


class FailpointError(Exception):
    """Raised at a failpoint armed with `raise`."""


class FailpointCrash(BaseException):
    """Raised at a failpoint armed with `crash`: unwinds past every handler, as the death of the process would."""


@dataclass(slots=True)
class _Trigger:
    action: str
    nth: int = 1
    times: int = 1
    key: str = ""
    hits: int = 0
    is_over: bool = False

    def fires(self, key: str, attempt: int) -> bool:
        """Count a hit; whether it is one of those asked for."""
        if self.key and key != self.key:
            return False
        if attempt:
            self.is_over = self.is_over or attempt > self.times
            return not self.is_over
        self.hits += 1
        return self.nth <= self.hits < self.nth + self.times


_Triggers = tuple[_Trigger, ...]


@dataclass(slots=True)
class _Folder:
    """The folder that arms running processes, as this one last saw it."""

    path: Path
    seen: dict[str, tuple[int, _Triggers]]

    def file(self, name: str) -> Path:
        """Where this program's failpoint is armed: `python -m order_svc` is the program order_svc."""
        return self.path / Path(sys.argv[0]).parent.name / name

    def triggers(self, name: str) -> _Triggers:
        """What the file says; it is read again whenever it was written again."""
        path = self.file(name)
        try:
            written = path.stat().st_mtime_ns
            known, triggers = self.seen.get(name, (0, ()))
            if known != written:
                triggers = tuple(_trigger(name, line) for line in path.read_text().split("\n") if line)
                self.seen[name] = written, triggers
        except FileNotFoundError:
            return ()
        return triggers

    def note(self, name: str, action: str) -> None:
        """Write down that it fired."""
        with self.file(f"{name}.hits").open("a") as hits:
            hits.write(f"{os.getpid()} {action}\n")
        if action == "kill":
            self.file(name).unlink(missing_ok=True)


_lock = threading.Lock()
_armed: dict[str, _Triggers] = {}
_folder: _Folder | None = None


def hit(name: str, key: str = "", attempt: int = 0) -> None:
    """Pass the failpoint `name`: nothing happens unless it is armed. An unknown name is a KeyError."""
    if name not in NAMES:
        raise KeyError(f"unknown failpoint {name!r}: list it in chassis.failpoints.NAMES")
    if _armed or _folder:
        _fire(name, key, attempt)


@contextmanager
def armed(name: str, action: str) -> Iterator[None]:
    """Arm one failpoint in this process ("raise", "crash:2", …) while the block runs."""
    triggers = (_trigger(name, action),)
    previous = _armed.get(name)
    _armed[name] = triggers
    try:
        yield
    finally:
        del _armed[name]
        if previous is not None:
            _armed[name] = previous


def parse(specification: str) -> dict[str, _Triggers]:
    """Read the form of ATLAS_FAILPOINTS, "name=action,…"; anything malformed is a ValueError."""
    triggers: dict[str, _Triggers] = {}
    for part in filter(None, (part.strip() for part in specification.split(","))):
        name, _, action = part.partition("=")
        triggers[name] = (*triggers.get(name, ()), _trigger(name, action))
    return triggers


def _trigger(name: str, action: str) -> _Trigger:
    if name not in NAMES:
        raise ValueError(f"unknown failpoint {name!r}; known: {', '.join(NAMES)}")
    match = _ACTION.fullmatch(action)
    if match is None or match["kind"] not in ACTIONS:
        raise ValueError(f"failpoint {name}: {action!r} is not one of {', '.join(ACTIONS)} with an optional :N, *M and @KEY")
    return _Trigger(match["kind"], int(match["nth"] or 1), int(match["times"] or 1), match["key"] or "")


def _fire(name: str, key: str, attempt: int) -> None:
    with _lock:
        from_folder = _folder.triggers(name) if _folder else ()
        fired = next((trigger for trigger in (*_armed.get(name, ()), *from_folder) if trigger.fires(key, attempt)), None)
        if fired is None:
            return
        if _folder:
            _folder.note(name, fired.action)
    if fired.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fired.action == "crash":
        raise FailpointCrash(name)
    raise FailpointError(name)


def _arm(value: str) -> None:
    """Arm what the environment asks for: a list of failpoints, or the folder that will."""
    global _folder
    if value.startswith("/"):
        _folder = _Folder(Path(value), {})
    else:
        _armed.update(parse(value))


# At import, so that no process can forget to arm what its environment asks for, and a misspelt name stops it at once.
_arm(os.environ.get("ATLAS_FAILPOINTS", ""))
