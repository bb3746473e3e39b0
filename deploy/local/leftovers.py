"""What a killed supervisor left running: ended before the next start, by pid, and only when it is still the same process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from deploy.local.home import Home
from deploy.local.state import read_state

PATIENCE_SECONDS = 10.0


def end_leftovers(home: Home) -> None:
    """Wait for the children of an earlier supervisor of this home; kill what does not go."""
    state = read_state(home.state)
    if state is None or state.phase == "stopped":
        return
    pids = [row.pid for row in state.components.values() if row.pid and _belongs(row.pid, home)]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (pids := [pid for pid in pids if _belongs(pid, home)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _belongs(pid: int, home: Home) -> bool:
    """Whether this pid is a process that logs to this home (a reused pid does not)."""
    try:
        return Path(os.readlink(f"/proc/{pid}/fd/1")).is_relative_to(home.logs)
    except OSError:
        return False
