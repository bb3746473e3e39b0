"""The machine and the servers that a run was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bench.stack import REAL_KAFKA, Databases, stack
from deploy.local.launcher import running

PARTS = ("postgres", "redis", "kafka")
NAMES = {"postgres": "PostgreSQL", "redis": "Redis", "kafka": "Kafka"}


def describe() -> dict[str, str]:
    """Say what it is, and start the servers once to ask them."""
    return {
        "CPU": f"{len(os.sched_getaffinity(0))} cores, {_field('/proc/cpuinfo', 'model name')}",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **_servers(),
    }


def _field(path: str, name: str) -> str:
    """Return the value of the first line `name: value` of a file, `unknown` when there is none."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _servers() -> dict[str, str]:
    with stack(*PARTS, providers=REAL_KAFKA) as addresses:
        state = running(Path(addresses.home))
        rows = state.components if state else {}
        found = {NAMES[part]: f"{rows[part].version} ({rows[part].provider})" for part in PARTS if part in rows}
        settings = Databases(addresses).settings()
    return found | {"PostgreSQL settings": ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))}
