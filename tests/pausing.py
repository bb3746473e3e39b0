"""A process that stands still, its connections open."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_SECONDS = 10.0


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process while the block runs, which begins when all its threads stand.

    The kernel hands the signal to one thread, and the others go on until that one has run: on a busy machine the process
    may answer once more.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _stands(pid):
            assert time.monotonic() < deadline, f"process {pid} does not stop"
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stands(pid: int) -> bool:
    return all(_state(path) in ("T", "gone") for path in Path(f"/proc/{pid}/task").glob("*/stat"))


def _state(path: Path) -> str:
    """Return the kernel's letter for a thread's state; one that ended meanwhile is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
