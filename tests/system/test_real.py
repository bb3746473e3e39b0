"""`atlas up --real` and `atlas demo --all` as a user runs them, and the real servers killed in the middle of orders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.client import RestClient
from cli.connection import StackAddresses
from cli.scenarios.playing import SCENARIOS
from deploy.local import free_base, stop
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.site import PARTS, ROOT, SUPERUSER
from tests.killing import kill_amid_orders
from tests.real import need_real
from tests.stack import PATIENCE_SECONDS, Stack

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]

SECONDS = 300.0


def _atlas(*arguments: str, **environment: str) -> str:
    """Run one command to its end; what it printed. It has to succeed."""
    kept = {name: value for name, value in os.environ.items() if name not in PARTS.values()}
    command = [sys.executable, "-m", "cli.main", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=kept | environment, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a stack of Apache Kafka, Keycloak, and the system's PostgreSQL and Redis."""
    need_real(*PARTS)
    folder = tmp_path_factory.mktemp("real") / "home"
    try:
        _atlas("up", "--real", *_place(folder))
        _atlas("seed", "--home", str(folder))
        yield folder
    finally:
        stop(folder)


def _place(home: Path) -> tuple[str, ...]:
    return ("--home", str(home), "--port-base", str(free_base()), "--stop-with", str(os.getpid()), "--no-card")


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


def test_a_stack_runs_on_servers_that_somebody_else_runs(tmp_path: Path) -> None:
    need_real(*PARTS)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    try:
        _atlas("up", "--real", "--only", ",".join(PARTS), *_place(theirs))
        before = _stack(theirs).state
        _atlas("up", *_place(ours), **_variables(theirs))
        rows = _stack(ours).state.components
        assert {part: (rows[part].provider, rows[part].pid) for part in PARTS} == dict.fromkeys(PARTS, ("external", None))
        _atlas("seed", "--home", str(ours))
        _atlas("demo", "--all", "--home", str(ours))
        stop(ours)
        assert _stack(theirs).state.components == before.components
    finally:
        stop(ours)
        stop(theirs)


def _variables(home: Path) -> dict[str, str]:
    """What names the servers of a stack to another one."""
    addresses, password = _stack(home).addresses, Home(home).passwords(())[SUPERUSER]
    place = urlsplit(addresses.postgres["order_svc"]).netloc.rpartition("@")[2]
    return {
        "ATLAS_PG_URL": f"postgresql://{SUPERUSER}:{password}@{place}/postgres",
        "ATLAS_REDIS_URL": addresses.redis,
        "ATLAS_KAFKA_BOOTSTRAP": addresses.kafka,
        "ATLAS_OIDC_ISSUER": addresses.issuer,
    }
