"""One child process: started so that it dies with us, logged to its own file, stopped politely and then not."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_GRACE_SECONDS = 25.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started and stopped."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stop_signal: signal.Signals = signal.SIGTERM


class Process:
    """A running child."""

    def __init__(self, inner: asyncio.subprocess.Process, launch: Launch, log: Path) -> None:
        self._inner = inner
        self._launch = launch
        self._log = log
        self._log_start = log.stat().st_size
        self._swept = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._inner.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs."""
        return self._inner.returncode

    def last_words(self) -> str:
        """The last line it logged since it started, shortened."""
        with self._log.open("rb") as handle:
            handle.seek(max(self._log_start, self._log.stat().st_size - 4096))
            lines = handle.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it logged nothing"

    async def wait(self) -> int:
        """Wait for its end, and end what is left of its process group; the exit code, negative for a signal."""
        code = await self._inner.wait()
        if not self._swept:  # once: later the number of the group may be another's
            self._swept = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return code

    async def stop(self) -> None:
        """Ask it to stop, wait out the grace, then kill it."""
        if self.exit_code is not None:
            await self.wait()
            return
        with contextlib.suppress(ProcessLookupError):
            self._inner.send_signal(self._launch.stop_signal)
        try:
            await asyncio.wait_for(self.wait(), STOP_GRACE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._inner.kill()
            await self.wait()


async def spawn(launch: Launch, log: Path, cwd: Path) -> Process:
    """Start a process, the leader of its own group, whose output is appended to `log`."""
    with log.open("ab") as output:
        inner = await asyncio.create_subprocess_exec(
            *launch.argv,
            env=dict(launch.env),
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_own_group_dying_with_parent(launch.stop_signal),
        )
    return Process(inner, launch, log)


def _own_group_dying_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """What the child runs before exec: it leads a group, and the kernel sends it `sent` when we are gone (Linux only)."""
    if not sys.platform.startswith("linux"):
        return os.setpgrp
    prctl, supervisor, number = ctypes.CDLL(None).prctl, os.getpid(), int(sent)

    def arm() -> None:
        os.setpgrp()
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)

    return arm
