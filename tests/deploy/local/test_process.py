"""A child leads a group of its own, and whatever is left of the group ends with it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from deploy.local.process import Launch, Process, spawn

SHELL = "sleep 60 & echo $!; wait"


async def _spawned(tmp_path: Path) -> tuple[Process, int]:
    """A shell with a child of its own, and the pid of that child."""
    log = tmp_path / "log"
    process = await spawn(Launch(["sh", "-c", SHELL]), log, tmp_path)
    async with asyncio.timeout(10):
        while not log.read_text().endswith("\n"):
            await asyncio.sleep(0.01)
    return process, int(log.read_text())


async def _ends(pid: int) -> None:
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
async def test_what_a_dead_child_leaves_is_ended(tmp_path: Path, sent: signal.Signals) -> None:
    process, left = await _spawned(tmp_path)
    os.kill(process.pid, sent)
    assert await process.wait() == -sent
    await _ends(left)


async def test_a_stopped_child_leaves_nothing(tmp_path: Path) -> None:
    process, left = await _spawned(tmp_path)
    await process.stop()
    await _ends(left)
    await process.stop()
