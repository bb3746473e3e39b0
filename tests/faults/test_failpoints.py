"""A kill at every failpoint (fault 1), of each relay before it marks (3), of each consumer after its commit (15)."""

from __future__ import annotations

import pytest

from chassis import failpoints
from cli.waiting import wait_until
from deploy.local.services import SERVICES
from tests.faults.conftest import Trial, Try

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

HIT_SECONDS = 240.0
"""Four of them kill billing_svc. What it had claimed waits for its lease, 30 s, before the next of the four can be passed."""
VICTIMS = {
    "command.before_commit": "workflow_svc",
    "command.after_commit": "order_svc",
    "outbox.before_commit": "order_svc",
    "relay.after_produce": "inventory_svc",
    "relay.before_mark": "workflow_svc",
    "handler.before": "inventory_svc",
    "consumer.before_commit": "reporting_svc",
    "consumer.after_commit": "workflow_svc",
    "consumer.before_offset_commit": "reporting_svc",
    "timers.after_claim": "billing_svc",
    "provider.before_call": "billing_svc",
    "provider.after_call": "billing_svc",
    "provider.before_outcome": "billing_svc",
    "sealer.before_commit": "billing_svc",
}
"""Who dies at which failpoint."""
RELAYS = ("order_svc", "inventory_svc", "billing_svc", "workflow_svc")
CONSUMERS = tuple(row.package for row in SERVICES)


def test_every_failpoint_of_the_registry_kills_somebody() -> None:
    assert set(VICTIMS) == set(failpoints.NAMES)


def test_a_kill_at_each_failpoint_loses_and_repeats_nothing(trial: Try) -> None:
    with trial(seconds=20) as it:
        it.load.until_placed(20)
        _kill(it, *((program, name) for name, program in VICTIMS.items()))
        it.tell("1", f"each of {len(VICTIMS)} failpoints killed a service once")


def test_relays_and_consumers_killed_between_effect_and_mark_repeat_but_do_not_double(trial: Try) -> None:
    with trial(seconds=10) as it:
        it.load.until_placed(60)
        relays = [(program, "relay.before_mark") for program in RELAYS]
        consumers = [(program, "consumer.before_offset_commit") for program in CONSUMERS]
        _kill(it, *relays, *consumers)
        it.tell("3", f"each of {len(relays)} relays killed once")
        it.tell("15", f"each of {len(consumers)} consumers killed once")


def _kill(it: Trial, *places: tuple[str, str]) -> None:
    """Arm these failpoints and wait until each has killed its process, and that is back."""
    before = it.ground.restarts()

    def left() -> list[tuple[str, str]]:
        it.load.check_up()
        return [place for place in places if not it.ground.hits(*place)]

    with it.ground.armed(*((program, name, "kill") for program, name in places)):
        wait_until(left, lambda missing: not missing, what="a hit of each failpoint", seconds=HIT_SECONDS)
    it.ground.until_back({program: before[program] for program, _ in places})
