"""A stack of real processes: kept up, taken down in order, and leaving nothing behind, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from deploy.local import StackError, StackRequest, free_base, start, stop
from deploy.local.component import Job, Step
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.ports import LOCALHOST, Ports, busy
from deploy.local.state import ComponentState
from deploy.local.supervisor import in_reverse
from deploy.local.topics import declared_topics

PATIENCE_SECONDS = 20.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose stack is gone after the test."""
    yield tmp_path / "home"
    stop(tmp_path / "home")


def _request(home: Path, *only: str) -> StackRequest:
    return StackRequest(home, free_base(), only, volatile=True, stop_with=os.getpid())


def _row(home: Path, name: str) -> ComponentState:
    state = running(home)
    assert state is not None
    return state.components[name]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text()


def _pids(home: Path) -> list[int]:
    state = running(home)
    assert state is not None
    return [state.supervisor_pid, *(row.pid for row in state.components.values() if row.pid)]


async def _nothing() -> str:
    return ""


async def test_steps_stop_after_everything_that_needs_them() -> None:
    steps: list[Step] = [Job("a", (), _nothing), Job("b", ("a",), _nothing), Job("c", ("a", "b"), _nothing)]
    stopped: list[str] = []

    async def note(name: str) -> None:
        stopped.append(name)

    await in_reverse(steps, note)
    assert stopped == ["c", "b", "a"]


def test_a_killed_broker_comes_back_as_another_cluster_with_its_topics(home: Path) -> None:
    bootstrap = start(_request(home, "kafka"))["kafka"]
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    before, pid = admin.list_topics(timeout=5).cluster_id, _row(home, "kafka").pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _until(lambda: _row(home, "kafka").health == "ready" and _row(home, "kafka").restarts == 1)
    again = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    _until(lambda: len(again.list_topics(timeout=5).topics) == len(declared_topics()))
    assert again.list_topics(timeout=5).cluster_id != before


def test_a_killed_supervisor_leaves_no_child_and_the_next_start_works(home: Path) -> None:
    request = _request(home, "postgres", "redis")
    start(request)
    pids = _pids(home)
    os.kill(pids[0], signal.SIGKILL)
    _until(lambda: all(_is_gone(pid) for pid in pids))
    start(request)
    assert _row(home, "postgres").health == "ready"


def test_the_stack_ends_with_the_process_it_hangs_on(home: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        start(StackRequest(home, free_base(), ("redis",), stop_with=other.pid))
        pids = _pids(home)
        other.kill()
        _until(lambda: all(_is_gone(pid) for pid in pids))
    assert running(home) is None


def test_two_stacks_run_side_by_side(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    try:
        assert start(_request(home, "redis"))["redis"] != start(_request(other, "redis"))["redis"]
        assert running(home) is not None
        assert running(other) is not None
    finally:
        stop(other)


def test_a_second_supervisor_in_one_home_is_refused_and_the_first_goes_on(home: Path) -> None:
    start(_request(home, "redis"))
    with pytest.raises(StackError, match="another supervisor"):
        start(_request(home, "redis"))
    assert _row(home, "redis").health == "ready"


def test_a_port_in_use_is_named_and_nothing_is_started(home: Path) -> None:
    request = _request(home, "redis", "kafka")
    with socket.create_server((LOCALHOST, Ports(request.port_base).kafka)):
        with pytest.raises(StackError, match=rf"port {Ports(request.port_base).kafka} \(kafka\) is in use"):
            start(request)
        assert busy([Ports(request.port_base).redis]) == []
    assert running(home) is None


def test_a_broken_data_folder_is_named_and_what_had_started_is_stopped(home: Path) -> None:
    request = _request(home, "postgres", "redis", "kafka")
    start(request)
    stop(home)
    folder = home / "data" / "postgres-embedded-18"
    shutil.rmtree(folder / "pg_wal")
    with pytest.raises(StackError, match="postgres ended with exit code") as refusal:
        start(request)
    assert "atlas reset" in refusal.value.remedy
    assert busy([Ports(request.port_base).redis, Ports(request.port_base).kafka]) == []
    shutil.rmtree(folder / "global")
    with pytest.raises(StackError, match="is broken"):
        start(request)
    assert Home(home).supervisor_pid() is None


def test_a_data_folder_of_another_version_is_refused(home: Path) -> None:
    folder = home / "data" / "postgres-embedded-18"
    (folder / "global").mkdir(parents=True)
    (folder / "global" / "pg_control").touch()
    (folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match="is of PostgreSQL 15, not 18"):
        start(_request(home, "postgres"))


def test_an_unknown_component_is_refused(home: Path) -> None:
    with pytest.raises(StackError, match="there is no component mysql"):
        start(_request(home, "mysql"))


def test_an_external_server_is_probed_and_left_alone(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    addresses = start(_request(home, "redis"))
    monkeypatch.setenv("ATLAS_REDIS_URL", addresses["redis"])
    try:
        assert start(_request(other, "redis"))["redis"] == addresses["redis"]
        assert (_row(other, "redis").provider, _row(other, "redis").pid) == ("external", None)
    finally:
        stop(other)
    assert _row(home, "redis").health == "ready"


def test_an_external_server_that_is_away_is_named_with_its_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_REDIS_URL", f"redis://{LOCALHOST}:1/0")
    with pytest.raises(StackError, match="redis is not ready") as refusal:
        start(_request(home, "redis"))
    assert "ATLAS_REDIS_URL" in refusal.value.remedy
