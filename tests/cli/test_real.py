"""`atlas fetch-real`, `atlas up --real` and `--provider`, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.exits import ExitCode
from deploy.local import free_base, stop
from deploy.local.site import PARTS, ROOT
from tests.real import need_real

VARIABLES = ("KAFKA_HOME", "KEYCLOAK_HOME", "ATLAS_REQUIRE_REAL", *PARTS.values())


def _atlas(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=kept | environment, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose stack is gone after the test."""
    yield tmp_path / "home"
    stop(tmp_path / "home")


def _up(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    place = ("--home", str(home), "--port-base", str(free_base()), "--stop-with", str(os.getpid()), "--no-card")
    return _atlas("up", *place, *arguments, **environment)


def test_without_maven_fetch_real_is_one_line_and_a_remedy(tmp_path: Path) -> None:
    done = _atlas("fetch-real", PATH=str(tmp_path), ATLAS_DIST=str(tmp_path / "dist"))
    assert done.returncode == ExitCode.FAILED
    what, remedy = done.stderr.splitlines()
    assert what == "atlas: Maven is not installed"
    assert remedy == "next:  install Maven, or set KAFKA_HOME and KEYCLOAK_HOME to unpacked releases"


def test_fetch_real_refuses_what_it_does_not_know() -> None:
    assert "choose kafka or keycloak" in _atlas("fetch-real", "--only", "zookeeper").stderr


def test_up_real_names_what_it_embeds_instead(home: Path, tmp_path: Path) -> None:
    done = _up(home, "--real", "--only", "psp", ATLAS_DIST=str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stderr
    assert "kafka is embedded: " in done.stdout
    assert "issuer is embedded: " in done.stdout


def test_where_real_is_required_up_real_fails_instead(home: Path, tmp_path: Path) -> None:
    done = _up(home, "--real", "--only", "psp", ATLAS_DIST=str(tmp_path), ATLAS_REQUIRE_REAL="1")
    assert done.returncode == ExitCode.FAILED
    assert not home.exists()


def test_a_running_stack_with_other_providers_is_named(home: Path) -> None:
    assert _up(home, "--only", "redis").returncode == ExitCode.OK
    done = _up(home, "--only", "redis", "--provider", "redis=real")
    assert done.returncode == ExitCode.FAILED
    assert "runs with redis embedded, not real" in done.stderr
    assert _up(home, "--only", "redis", "--provider", "redis=embedded").returncode == ExitCode.OK


def test_a_word_that_is_no_provider_is_refused(home: Path) -> None:
    done = _up(home, "--provider", "kafka=best")
    assert done.returncode == ExitCode.FAILED
    assert "'kafka=best' names no provider" in done.stderr


@pytest.mark.full
def test_a_real_stack_is_shown_with_provider_version_data_and_limits(home: Path) -> None:
    need_real("postgres", "redis", "kafka")
    assert _up(home, "--real", "--only", "postgres,redis,kafka").returncode == ExitCode.OK
    rows = {row["name"]: row for row in json.loads(_atlas("status", "--json", "--home", str(home)).stdout)["components"]}
    for row in rows.values():
        assert (row["provider"], row["health"]) == ("real", "ready")
        assert row["version"]
        assert row["limits"]
    assert rows["kafka"]["data_dir"].endswith("kafka-real-4")
    assert "of these: postgres real, redis real, kafka real" in _up(home, "--only", "redis").stdout
    reset = _atlas("reset", "--yes", "--home", str(home))
    assert reset.stdout == f"removed {home}\n"


def test_reset_leaves_what_was_fetched(home: Path) -> None:
    assert _up(home, "--only", "redis").returncode == ExitCode.OK
    (home / "dist" / "kafka").mkdir(parents=True)
    assert _atlas("reset", "--yes", "--home", str(home)).returncode == ExitCode.OK
    assert [path.name for path in home.iterdir()] == ["dist"]
    assert "nothing to remove" in _atlas("reset", "--yes", "--home", str(home)).stdout
