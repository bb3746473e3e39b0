"""The broker paused, the services stopped meanwhile, and the broker killed: faults 9, 48 and 11."""

from __future__ import annotations

import time

import pytest

from deploy.local.services import SERVICES
from tests.faults.conftest import Try
from tests.faults.rhythm import last

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

PAUSE_SECONDS = 30.0
STOP_AFTER_SECONDS = 5.0


def test_a_broker_that_stands_still_stops_no_command_and_no_shutdown(trial: Try) -> None:
    with trial(seconds=20) as it:
        it.load.until_placed(20)
        with it.ground.paused("kafka"):
            began, placed = time.monotonic(), len(it.load.kinds)
            it.load.until_placed(placed + 20)
            before = it.ground.restarts()
            stopping = time.monotonic()
            codes = it.ground.stopped(*(row.package for row in SERVICES))
            assert set(codes.values()) == {0}, codes
            stopped = time.monotonic() - stopping
            last(began + PAUSE_SECONDS - time.monotonic())
        it.ground.until_back({name: before[name] for name in codes})
        it.tell("9", f"{len(it.load.kinds) - placed} orders were accepted meanwhile")
        it.tell("48", f"{len(codes)} services stopped with exit code 0 within {stopped:.0f} s")


def test_a_killed_broker_comes_back_and_has_everything_in_the_end(trial: Try) -> None:
    with trial(seconds=6) as it:
        it.load.until_placed(60)
        seconds = it.ground.restart("kafka")
        lost = "without its data; the relays published everything again" if it.ground.kafka == "embedded" else "with its data"
        it.tell("11", f"back after {seconds:.0f} s {lost}")
