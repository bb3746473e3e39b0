"""The floors: pgbench sending the same SQL to the same PostgreSQL, with the same durability, in a database of its own."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

SCRIPTS = Path(__file__).parent / "sql"
KEYS_A_SECOND = 10**8


@dataclass(frozen=True, slots=True)
class FloorRun:
    """What pgbench did: transactions, transactions a second, and the CPU seconds of pgbench itself."""

    count: int
    per_second: float
    client_seconds: float


@dataclass(frozen=True, slots=True)
class Floor:
    """pgbench on one database."""

    program: Path
    url: str

    def run(self, script: str, *, clients: int, seconds: int) -> FloorRun:
        """Run one script of bench/sql for some seconds. A failed transaction is an error."""
        start = int(time.time()) * KEYS_A_SECOND  # keys above those of every earlier run
        command = [str(self.program), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds)]
        command += ["-D", f"start={start}", "-D", "i=0", "-f", str(SCRIPTS / script), self.url]
        before = _children_seconds()
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        per_second = _number(r"^tps = ([0-9.]+)", done.stdout)
        if done.returncode or per_second == 0 or _number(r"failed transactions: (\d+)", done.stdout) != 0:
            raise RuntimeError(f"pgbench failed: {done.stderr[-500:]}")
        count = int(_number(r"transactions actually processed: (\d+)", done.stdout))
        return FloorRun(count, per_second, _children_seconds() - before)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_ROWS = """
    INSERT INTO orders
    SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'floor', NULL, 'FULFILLED', NULL, 'EUR', 'pm_ok', '',
           'floor', 'floor', now(), now(), NULL, '[]'::jsonb, '{"stock": "AWAITED", "approval": "AWAITED"}'::jsonb, '',
           true, 1, 1, 1, now(), now()
    FROM generate_series(1, 1000) AS n
    ON CONFLICT DO NOTHING
"""


def prepare(floor: Floor) -> None:
    """Make the rows that the saga's floor locks and updates."""
    with psycopg.connect(floor.url) as connection:
        connection.execute(_ROWS)
