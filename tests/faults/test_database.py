"""PostgreSQL restarted, its backends killed, and away for a minute: faults 27 and 28."""

from __future__ import annotations

import signal

import pytest

from cli.waiting import wait_until
from tests.faults.conftest import Try
from tests.faults.ground import OURS, is_gone
from tests.faults.rhythm import last

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

AWAY_SECONDS = 60.0
KILL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"


def test_restarts_of_the_database_and_killed_backends_lose_nothing(trial: Try) -> None:
    with trial(seconds=15) as it:
        it.load.until_placed(20)
        fast = it.ground.restart("postgres", by=signal.SIGINT)
        it.load.until_placed(80)
        immediate = it.ground.restart("postgres", by=signal.SIGQUIT)
        it.load.until_placed(140)
        killed = 0
        for service in it.ground.addresses.postgres:
            with it.ground.database(service) as connection:
                killed += int(str((connection.execute(KILL).fetchone() or (0,))[0]))
        it.tell("27", f"fast restart {fast:.0f} s, immediate {immediate:.0f} s, {killed} backends killed")


def test_a_database_that_is_away_for_a_minute_ends_no_process(trial: Try) -> None:
    with trial(seconds=30) as it:
        it.load.until_placed(20)
        before = it.ground.restarts()
        with it.ground.unsupervised():
            pid = it.ground.send("postgres", signal.SIGINT)
            wait_until(lambda: is_gone(pid), bool, what="the end of PostgreSQL")
            last(AWAY_SECONDS)
        it.ground.until_back({"postgres": before["postgres"]})
        after = it.ground.restarts()
        assert [name for name in OURS if after[name] != before[name]] == []
        it.tell("28", "no process of ours ended")
