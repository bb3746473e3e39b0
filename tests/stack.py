"""The whole stack for system tests: one for the whole run, shared by all xdist workers, stopped when the run ends.

Tests that use it carry the mark `stack` and run one after the other in one worker (tests/scheduling.py), since some of them
kill its processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.client import RestClient
from cli.connection import StackAddresses
from cli.seed import plant
from deploy.local import StackRequest, free_base, start, stop
from deploy.local.launcher import running
from deploy.local.state import StackState
from tests.infra import leader

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    home: Path
    addresses: StackAddresses

    @property
    def state(self) -> StackState:
        """What its supervisor says now."""
        state = running(self.home)
        assert state is not None, "the stack of the test run ended"
        return state

    @property
    def grpc(self) -> dict[str, str]:
        """The gRPC address of each service package."""
        return dict(self.addresses.grpc)


def _home(of: int) -> Path:
    return Path(tempfile.gettempdir(), f"atlas-stack-{of}")


def _started(home: Path) -> Stack:
    """Start and seed the stack, or find it started by another worker."""
    home.mkdir(mode=0o700, exist_ok=True)
    with (home / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if running(home) is None:
            raw = start(StackRequest(home, free_base(), volatile=True, stop_with=leader()))
            with RestClient(StackAddresses.parse(raw), PATIENCE_SECONDS) as client:
                plant(client)
    state = running(home)
    assert state is not None, "the stack of the test run ended"
    return Stack(home, StackAddresses.parse(state.addresses))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that uses the stack without the mark: it would run beside those that kill its processes."""
    for item in items:
        if _uses_stack(item) and item.get_closest_marker("stack") is None:
            raise pytest.UsageError(f"{item.nodeid} uses the stack: give its module pytestmark = pytest.mark.stack")


def _uses_stack(item: pytest.Item) -> bool:
    """Whether it uses the fixture of this file, not one of its own with the same name."""
    if not isinstance(item, pytest.Function):
        return False
    found = item._fixtureinfo.name2fixturedefs.get("stack", ())
    return any(fixture.scope == "session" for fixture in found[-1:])


def pytest_unconfigure(config: pytest.Config) -> None:
    """At the end of the leading process: stop the stack and remove its folder."""
    home = _home(os.getpid())
    if "PYTEST_XDIST_WORKER" not in os.environ and home.is_dir():
        stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack of this test run, started when first asked for."""
    return _started(_home(leader()))


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[RestClient]:
    """A client of it that waits for what is restarting."""
    with RestClient(stack.addresses, PATIENCE_SECONDS) as opened:
        yield opened
