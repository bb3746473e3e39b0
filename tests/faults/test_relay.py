"""Two relays at once (fault 4): the lead is taken away again and again, and from one that stands still."""

from __future__ import annotations

import pytest

from chassis.relay import LOCK_ID
from cli.waiting import wait_until
from tests.faults.conftest import Try
from tests.faults.ground import Ground

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

RELAYS = ("order_svc", "billing_svc")
TIMES = 5
LEADER = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def test_two_relays_publish_everything_in_order(trial: Try, ground: Ground) -> None:
    with ground.doubled(*RELAYS, role="relay"), trial(seconds=12) as it:
        it.load.until_placed(30)
        for service in RELAYS * TIMES:
            _take_the_lead(ground, service)
        for service in RELAYS:
            with ground.paused(service):
                _take_the_lead(ground, service)
        it.tell("4", f"the lead was taken away {len(RELAYS) * (TIMES + 1)} times, {len(RELAYS)} times from a stopped process")


def _take_the_lead(ground: Ground, service: str) -> None:
    """End the connection that holds the lock, and wait until another has it."""
    old = wait_until(lambda: _leader(ground, service), bool, what=f"a leader of {service}")
    with ground.database(service) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [old])
    wait_until(lambda: _leader(ground, service), lambda pid: pid not in (0, old), what=f"another leader of {service}")


def _leader(ground: Ground, service: str) -> int:
    """The backend that holds the lock; 0 when none does."""
    with ground.database(service) as connection:
        row = connection.execute(LEADER, [LOCK_ID]).fetchone()
    return int(str(row[0])) if row else 0
