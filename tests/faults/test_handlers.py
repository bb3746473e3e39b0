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
BROKEN_SECONDS = 60.0


def test_a_failing_handler_holds_back_its_key_only_and_a_broken_service_drains_nothing(trial: Try) -> None:
    with trial(seconds=8) as it:
        keys = wait_until(lambda: _backordered(it), lambda found: len(found) >= len(TRIES), what="backorders")
        actions = "\n".join(f"raise*{tries}@{key}" for tries, key in zip(TRIES, keys, strict=False))
        operator = Operator(it.ground)
        with it.ground.armed(("billing_svc", POINT, actions)):
            stops = _broken_workflow(it)
            operator.until_dead("billing", 1)
            others = wait_until(
                lambda: it.load.open(), _is_only_one, what="the end of all orders but one", seconds=BROKEN_SECONDS
            )
        replayed = operator.decide("replay", "CAUSE_REPAIRED")
        it.end()
        it.tell("24", f"{len(TRIES) - 1} orders whose handler failed 1, 2, 3 and 4 times ended without help")
        it.tell("25", f"{it.load.total - sum(others.values())} others ended; the key went on after the replay")
        it.tell("26", f"the consumer of workflow stopped {stops} times, {replayed} dead letters were replayed in all")


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


def _is_only_one(left: dict[tuple[str, str, str], int]) -> bool:
    return sum(left.values()) <= 1
