"""What processes cost: CPU of a whole process tree, resident memory; and programs of ours that run for a while."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30.0
STOP_SECONDS = 30.0
NOTHING: Mapping[str, str] = MappingProxyType({})
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process and everything below it have used, what has ended included."""
    return cpu_of({"it": pid})["it"]


def _cpu_seconds(pid: int, table: Mapping[int, tuple[int, int]]) -> int:
    below = [child for child, (parent, _) in table.items() if parent == pid]
    return table.get(pid, (0, 0))[1] + sum(_cpu_seconds(child, table) for child in below)


def _process_table() -> dict[int, tuple[int, int]]:
    """Read the parent and the ticks of every process; ticks count those of the children it has waited for."""
    table = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
        table[int(path.parent.name)] = int(fields[1]), sum(int(field) for field in fields[11:15])
    return table


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, in MB (10^6 bytes)."""
    return _megabytes(pid, "VmRSS:")


def peak_megabytes(pid: int) -> float:
    """Return the most resident memory of a process since its program began; what it was forked from does not count."""
    return _megabytes(pid, "VmHWM:")


def _megabytes(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds of named process trees."""
    table = _process_table()
    return {name: _cpu_seconds(pid, table) / _TICKS for name, pid in pids.items()}


def microseconds(before: Mapping[str, float], after: Mapping[str, float], count: float) -> dict[str, float]:
    """Return the CPU between two readings, in µs for each of `count` things."""
    return {name: (after[name] - before[name]) / count * 1e6 for name in before}


@contextmanager
def program(module: str, *arguments: str, port: int, log: Path, environment: Mapping[str, str] = NOTHING) -> Iterator[int]:
    """Run `python -m module arguments` while the block runs, from when it listens on `port`. Yields its pid."""
    command = [sys.executable, "-m", module, *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env={**inherited, **environment}, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait_for(process, port, log)
        yield process.pid
    finally:
        _end(process)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    words: Sequence[str] = log.read_text(errors="replace").splitlines()[-5:]
    raise RuntimeError(f"{process.args!r} does not serve: {' | '.join(words)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
