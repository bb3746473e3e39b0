"""Handlers that fail: some times (fault 24), for ever on one key (25), and on everything (26)."""

from __future__ import annotations

import pytest

from cli.waiting import wait_until
from tests.faults.conftest import Trial, Try
from tests.faults.duty import Operator

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

POINT = "handler.before"
FOR_EVER = 1000
TRIES = (1, 2, 3, 4, FOR_EVER)
REPAIR_SECONDS = 90.0


def test_a_failing_handler_holds_back_its_key_only_and_a_broken_service_drains_nothing(trial: Try) -> None:
    with trial(seconds=8) as it:
        keys = wait_until(lambda: _backordered(it), lambda found: len(found) >= len(TRIES), what="backorders")
        actions = "\n".join(f"raise*{tries}@{key}" for tries, key in zip(TRIES, keys, strict=False))
        operator = Operator(it.ground)
        with it.ground.armed(("billing_svc", POINT, actions)):
            stops = _broken_workflow(it)
            operator.until_dead("billing", 1)
            replayed = _end_the_others(it, operator)
        assert operator.decide("replay", "CAUSE_REPAIRED", "billing") in (1, 2)  # an order has a key in each of two topics
        it.end()
        it.tell("24", f"{len(TRIES) - 1} orders whose handler failed 1, 2, 3 and 4 times ended without help")
        it.tell("25", f"{it.load.total - 1} others ended; the key went on after its dead letter was replayed")
        it.tell("26", f"the consumer of workflow stopped {stops} times; {replayed} dead letters were replayed")


def _backordered(it: Trial) -> list[str]:
    return [order_id for order_id, kind in it.load.kinds.items() if kind.name == "backordered"]


def _broken_workflow(it: Trial) -> int:
    """Fail on every event of one service until its consumer stops the process; how often it did."""
    before = it.ground.restarts()
    with it.ground.armed(("workflow_svc", POINT, f"raise*{FOR_EVER}")):
        wait_until(
            lambda: it.ground.row("workflow_svc").restarts, lambda now: now > before["workflow_svc"], what="its end", seconds=60
        )
    it.ground.until_back({"workflow_svc": before["workflow_svc"]})
    return it.ground.row("workflow_svc").restarts - before["workflow_svc"]


def _end_the_others(it: Trial, operator: Operator) -> int:
    """Replay what died in workflow until all orders have ended but the one whose key billing keeps; how many died."""
    replayed = 0

    def left() -> int:
        nonlocal replayed
        replayed += operator.decide("replay", "CAUSE_REPAIRED", "workflow")
        return sum(it.load.open().values())

    wait_until(left, lambda orders: orders <= 1, what="the end of all orders but one", seconds=REPAIR_SECONDS)
    return replayed
