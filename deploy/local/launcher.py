"""Starts the supervisor in the background, follows it until the stack is ready, and stops it again by its pid."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from deploy.local.errors import StackError
from deploy.local.home import Home
from deploy.local.ports import DEFAULT_BASE, HIGHEST_BASE, LOWEST_BASE
from deploy.local.progress import Progress, decode
from deploy.local.site import ROOT
from deploy.local.state import StackState, read_state

STOP_SECONDS = 90.0
Listener = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class StackRequest:
    """Which stack to start. Empty `only` means all; `stop_with` is a pid whose end stops the stack too.

    `providers` names a provider for a part, such as {"kafka": "real"}; the other parts are external when the environment
    names a server, else embedded. A provider that is named and not there is refused.
    """

    home: Path
    port_base: int = DEFAULT_BASE
    only: tuple[str, ...] = ()
    volatile: bool = False
    stop_with: int = 0
    providers: Mapping[str, str] = field(default_factory=dict)

    def argv(self) -> list[str]:
        """The supervisor's command."""
        argv = [sys.executable, "-m", "deploy.local", "--home", str(self.home.resolve()), "--port-base", str(self.port_base)]
        argv += ["--only", ",".join(self.only)] if self.only else []
        argv += ["--volatile"] if self.volatile else []
        argv += [word for part, name in self.providers.items() for word in ("--provider", f"{part}={name}")]
        return argv + (["--stop-with", str(self.stop_with)] if self.stop_with else [])


def start(request: StackRequest, listen: Listener = lambda progress: None) -> dict[str, Any]:
    """Start a stack and wait until it is ready; its addresses. StackError when it cannot start: then nothing of it runs."""
    if not LOWEST_BASE <= request.port_base <= HIGHEST_BASE:
        raise StackError(f"port base {request.port_base} is out of range", f"choose {LOWEST_BASE} to {HIGHEST_BASE}")
    home = Home(request.home.resolve())
    home.make()
    with (home.logs / "supervisor.log").open("ab") as log:
        command = subprocess.Popen(
            request.argv(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
        )
    with command:
        _follow(command.stdout or io.StringIO(), listen, home)
    state = read_state(home.state)
    if state is None:
        raise StackError(f"the state file {home.state} cannot be read", "atlas down, then atlas up")
    return state.addresses


def _follow(pipe: IO[str], listen: Listener, home: Home) -> None:
    """Pass progress on until the stack is ready; when interrupted, take down what has started."""
    try:
        for progress in map(decode, pipe):
            listen(progress)
            if progress.event == "failed":
                pipe.read()
                raise StackError(progress.what, progress.remedy)
            if progress.event == "ready":
                return
    except KeyboardInterrupt:
        _take_down(pipe)
        raise
    raise StackError("the supervisor ended early", f"read {home.logs / 'supervisor.log'}")


def _take_down(pipe: IO[str]) -> None:
    """Tell the supervisor to stop, whose pid each of its lines carries, and wait until it has."""
    for progress in map(decode, pipe):
        with contextlib.suppress(ProcessLookupError):
            os.kill(progress.pid, signal.SIGTERM)


def running(home: Path) -> StackState | None:
    """The state of the stack whose supervisor runs in this home, None when none does."""
    if Home(home).supervisor_pid() is None:
        return None
    return read_state(Home(home).state)


def stop(home: Path) -> bool:
    """Stop the stack of this home and wait for its end; False when none runs."""
    place = Home(home)
    if (pid := place.supervisor_pid()) is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while place.supervisor_pid() is not None:
        if time.monotonic() > deadline:
            raise StackError(f"the supervisor {pid} does not stop", f"read {place.logs / 'supervisor.log'}")
        time.sleep(0.05)
    return True
