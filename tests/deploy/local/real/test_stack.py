"""Installed PostgreSQL and Redis and a fetched Kafka, supervised: what they hold outlives kills, stops and other ports."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.local import StackError, StackRequest, free_base, start, stop
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.ports import Ports
from deploy.local.site import Site
from deploy.local.state import ComponentState
from deploy.local.topics import declared_topics
from tests.real import need_real

PARTS = ("postgres", "redis", "kafka")
REAL = dict.fromkeys(PARTS, "real")
PATIENCE_SECONDS = 40.0
TOPIC = declared_topics()[0].name


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose stack is gone after the test."""
    yield tmp_path / "home"
    stop(tmp_path / "home")


def _start(home: Path, *only: str) -> dict[str, Any]:
    return start(StackRequest(home, free_base(), only or PARTS, stop_with=os.getpid(), providers=REAL))


def _row(home: Path, name: str) -> ComponentState:
    state = running(home)
    assert state is not None
    return state.components[name]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def _kill(home: Path, name: str) -> None:
    """kill -9, and wait until it is ready again."""
    before = _row(home, name)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    _until(lambda: _row(home, name).restarts > before.restarts and _row(home, name).health == "ready")


def _produce(bootstrap: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
    producer.produce(TOPIC, key=b"key", value=value, partition=0)
    assert producer.flush(20) == 0


def _consumed(bootstrap: str, count: int) -> list[bytes]:
    """The first records of partition 0."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "log_level": 0})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    try:
        return [bytes(message.value() or b"") for message in consumer.consume(count, 20)]
    finally:
        consumer.close()


def _execute(home: Path, statement: str) -> list[tuple[Any, ...]]:
    state = running(home)
    assert state is not None
    site = Site(Home(home), Ports(state.port_base), Home(home).passwords(()), external={})
    with psycopg.connect(site.postgres_admin, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.full
def test_what_it_holds_outlives_kills_and_a_start_on_other_ports(home: Path) -> None:
    need_real(*PARTS)
    bootstrap = _start(home)["kafka"]
    assert {name: _row(home, name).provider for name in PARTS} == REAL
    assert _row(home, "kafka").version.startswith("Apache Kafka 4.")
    assert _row(home, "kafka").data_dir == str(home / "data" / "kafka-real-4")
    _produce(bootstrap, b"before the kill")
    _execute(home, "CREATE TABLE kept AS SELECT 'before the kill' AS word")
    for name in PARTS:
        _kill(home, name)
    _produce(bootstrap, b"after the kill")
    assert _consumed(bootstrap, 2) == [b"before the kill", b"after the kill"]
    assert stop(home)
    moved = _start(home)["kafka"]
    assert moved != bootstrap
    assert _consumed(moved, 2) == [b"before the kill", b"after the kill"]
    assert _execute(home, "SELECT word FROM kept") == [("before the kill",)]


@pytest.mark.full
def test_a_killed_supervisor_leaves_no_server_behind_and_the_next_start_works(home: Path) -> None:
    need_real(*PARTS)
    _start(home)
    state = running(home)
    assert state is not None
    pids = [row.pid for row in state.components.values() if row.pid]
    os.kill(state.supervisor_pid, signal.SIGKILL)
    _until(lambda: not any(_runs(pid) for pid in pids))
    _start(home)
    assert {name: _row(home, name).health for name in PARTS} == dict.fromkeys(PARTS, "ready")


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.full
def test_everything_listens_on_the_loopback_address_only(home: Path) -> None:
    need_real(*PARTS)
    _start(home)
    for name in PARTS:
        assert _listening(_row(home, name).pid) == {"0100007F"}, name


def _listening(pid: int | None) -> set[str]:
    """The addresses, as the kernel writes them, on which a process listens."""
    sockets = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    found = {row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
    return {address[-8:] for address in found}


def test_a_real_part_that_is_not_there_is_refused_and_nothing_starts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_HOME", str(home.parent))
    request = StackRequest(home, free_base(), ("redis", "kafka"), stop_with=os.getpid(), providers={"kafka": "real"})
    with pytest.raises(StackError, match="no unpacked Apache Kafka"):
        start(request)
    assert running(home) is None


def test_a_kafka_of_another_major_version_is_refused(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-3.9.1.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(StackError, match=r"is Kafka 3\.9\.1, not 4"):
        _start(home, "kafka")
