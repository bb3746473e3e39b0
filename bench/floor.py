"""The floors: pgbench sending the same SQL to the same PostgreSQL, with the same durability."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import sqlalchemy as sa

SCRIPTS = Path(__file__).parent / "sql"


def transactions_per_second(pgbench: Path, url: str, script: str, *, clients: int, seconds: int) -> float:
    """Run one script of bench/sql for some seconds. Returns pgbench's tps; a failed transaction is an error."""
    command = [str(pgbench), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds)]
    done = subprocess.run(
        [*command, "-f", str(SCRIPTS / script), url], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    tps = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if done.returncode or tps is None or failed is None or failed[1] != "0":
        raise RuntimeError(f"pgbench failed: {done.stderr[-500:]}")
    return float(tps[1])


_ROWS = sa.text(
    """
    INSERT INTO orders
    SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'floor', NULL, 'FULFILLED', NULL, 'EUR', 'pm_ok', '',
           'floor', 'floor', now(), now(), NULL, '[]'::jsonb, '{"stock": "AWAITED", "approval": "AWAITED"}'::jsonb, '',
           true, 1, 1, 1, now(), now()
    FROM generate_series(1, 1000) AS n
    ON CONFLICT DO NOTHING
    """
)


def prepare(engine: sa.Engine) -> None:
    """Make the rows that the saga's floor locks and updates."""
    with engine.begin() as connection:
        connection.execute(_ROWS)
