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
        """Wait for its end; the exit code, negative for a signal."""
        return await self._inner.wait()

    async def stop(self) -> None:
        """Ask it to stop, wait out the grace, then kill it."""
        if self.exit_code is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._inner.send_signal(self._launch.stop_signal)
        try:
            await asyncio.wait_for(self._inner.wait(), STOP_GRACE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._inner.kill()
            await self._inner.wait()


async def spawn(launch: Launch, log: Path, cwd: Path) -> Process:
    """Start a process whose output is appended to `log`."""
    with log.open("ab") as output:
        inner = await asyncio.create_subprocess_exec(
            *launch.argv,
            env=dict(launch.env),
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_dying_with_parent(launch.stop_signal),
        )
    return Process(inner, launch, log)


def _dying_with_parent(sent: signal.Signals) -> Callable[[], None] | None:
    """What the child runs before exec: the kernel sends it `sent` when the supervisor is gone (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, supervisor, number = ctypes.CDLL(None).prctl, os.getpid(), int(sent)

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)

    return arm
