"""`atlas up --real` and `atlas demo --all` as a user runs them, and the real servers killed in the middle of orders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.client import RestClient
from cli.connection import StackAddresses
from cli.scenarios.playing import SCENARIOS
from deploy.local import free_base, stop
from deploy.local.launcher import running
from deploy.local.site import PARTS, ROOT
from tests.killing import kill_amid_orders
from tests.real import need_real
from tests.stack import PATIENCE_SECONDS, Stack

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]

SECONDS = 300.0


def _atlas(*arguments: str) -> str:
    """Run one command to its end; what it printed. It has to succeed."""
    environment = {name: value for name, value in os.environ.items() if name not in PARTS.values()}
    command = [sys.executable, "-m", "cli.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a stack of Apache Kafka, Keycloak, and the system's PostgreSQL and Redis."""
    need_real(*PARTS)
    folder = tmp_path_factory.mktemp("real") / "home"
    place = ("--home", str(folder), "--port-base", str(free_base()), "--stop-with", str(os.getpid()), "--no-card")
    try:
        _atlas("up", "--real", *place)
        _atlas("seed", "--home", str(folder))
        yield folder
    finally:
        stop(folder)


def _stack(home: Path) -> Stack:
    state = running(home)
    assert state is not None, "the real stack ended"
    return Stack(home, StackAddresses.parse(state.addresses))


@pytest.mark.parametrize("part", PARTS)
def test_status_shows_of_each_part_the_real_one(home: Path, part: str) -> None:
    row = _stack(home).state.components[part]
    assert (row.provider, row.health) == ("real", "ready")
    assert row.version
    assert row.limits
    assert Path(row.data_dir).is_dir()


def test_every_scenario_passes(home: Path) -> None:
    told = _atlas("demo", "--all", "--home", str(home))
    assert all(name in told for name in SCENARIOS)


@pytest.mark.parametrize("part", PARTS)
def test_orders_end_right_when_a_server_is_killed(home: Path, part: str) -> None:
    stack = _stack(home)
    with RestClient(stack.addresses, PATIENCE_SECONDS) as client:
        kill_amid_orders(stack, client, part)
