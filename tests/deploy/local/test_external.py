"""Servers that already run are used by their URL: probed, never started or stopped, for every part."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.local import StackError, StackRequest, free_base, start, stop
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.ports import Ports
from deploy.local.site import PARTS, Site

NAMES = tuple(PARTS)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """All four, run by a stack of somebody else's: the variables that name them."""
    home = Home(tmp_path_factory.mktemp("elsewhere"))
    base = free_base()
    start(StackRequest(home.root, base, NAMES, volatile=True, stop_with=os.getpid()))
    site = Site(home, Ports(base), home.passwords(()), external={})
    yield {
        "ATLAS_PG_URL": site.postgres_admin,
        "ATLAS_REDIS_URL": site.redis_url,
        "ATLAS_KAFKA_BOOTSTRAP": site.kafka_bootstrap,
        "ATLAS_OIDC_ISSUER": site.issuer,
    }
    stop(home.root)


@pytest.fixture
def home(tmp_path: Path, servers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home in an environment that names them; its stack is gone after the test."""
    for name, value in servers.items():
        monkeypatch.setenv(name, value)
    yield tmp_path / "home"
    stop(tmp_path / "home")


def _start(home: Path, **providers: str) -> dict[str, tuple[str, bool]]:
    """Start all four; the provider of each, and whether it has a process of ours."""
    start(StackRequest(home, free_base(), NAMES, volatile=True, stop_with=os.getpid(), providers=providers))
    state = running(home)
    assert state is not None
    return {name: (row.provider, row.pid is not None) for name, row in state.components.items()}


def test_every_part_can_be_a_server_that_already_runs(home: Path, servers: Mapping[str, str]) -> None:
    assert _start(home) == dict.fromkeys(NAMES, ("external", False))
    state = running(home)
    assert state is not None
    assert state.addresses["kafka"] == servers["ATLAS_KAFKA_BOOTSTRAP"]
    assert state.addresses["issuer"] == servers["ATLAS_OIDC_ISSUER"]
    assert all("never started or stopped here" in row.limits for row in state.components.values())
    stop(home)
    assert _start(home) == dict.fromkeys(NAMES, ("external", False)), "the servers still run"


def test_a_chosen_provider_wins_over_the_variable(home: Path) -> None:
    assert _start(home, kafka="embedded") == {**dict.fromkeys(NAMES, ("external", False)), "kafka": ("embedded", True)}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ATLAS_PG_URL", "postgresql://postgres@127.0.0.1:9/postgres"),
        ("ATLAS_REDIS_URL", "redis://127.0.0.1:9/0"),
        ("ATLAS_KAFKA_BOOTSTRAP", "127.0.0.1:9"),
        ("ATLAS_OIDC_ISSUER", "http://127.0.0.1:9/realms/atlas-erp"),
    ],
)
def test_a_server_that_is_away_is_named_with_its_variable_in_one_line(
    home: Path, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StackError, match="is not ready") as refusal:
        _start(home)
    assert "\n" not in refusal.value.what
    assert refusal.value.remedy == f"check {variable}"


def test_an_issuer_that_says_it_is_another_is_refused(
    home: Path, servers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLAS_OIDC_ISSUER", servers["ATLAS_OIDC_ISSUER"].replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(StackError, match="issuer is not ready"):
        _start(home)
