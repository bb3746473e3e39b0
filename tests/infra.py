"""PostgreSQL, Redis and Kafka for tests: one small stack for the whole run, shared by all xdist workers.

It lives in a folder named after the pytest process that leads the run, and stops when that process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from deploy.local import StackRequest, free_base, start, stop
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.ports import Ports
from deploy.local.site import Site
from deploy.local.topics import Topic, ensure_topics

SERVERS = ("postgres", "redis", "kafka")


@dataclass(frozen=True, slots=True)
class Infra:
    """Where the servers answer. `postgres_admin` is the superuser's URL of the database postgres."""

    home: Path
    postgres_admin: str
    redis: str
    kafka: str
    kafka_provider: str = "embedded"

    def database_url(self, name: str) -> str:
        """The superuser's URL of another database."""
        return urlunsplit(urlsplit(self.postgres_admin)._replace(path=f"/{name}"))


def leader() -> int:
    """The pid of the pytest process the run hangs on: our own, or the one that made this xdist worker."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _home(leader: int) -> Path:
    return Path(tempfile.gettempdir(), f"atlas-infra-{leader}")


def _started(home: Path) -> Infra:
    """Start the servers, or find them started by another worker."""
    home.mkdir(mode=0o700, exist_ok=True)
    with (home / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if running(home) is None:
            start(StackRequest(home, free_base(), SERVERS, volatile=True, stop_with=leader()))
        state = running(home)
    assert state is not None, "the servers of the test run ended"
    site = Site(Home(home), Ports(state.port_base), Home(home).passwords(()), external={})
    return Infra(home, site.postgres_admin, site.redis_url, site.kafka_bootstrap)


def pytest_unconfigure(config: pytest.Config) -> None:
    """At the end of the leading process: stop the servers and remove their folder."""
    home = _home(os.getpid())
    if "PYTEST_XDIST_WORKER" not in os.environ and home.is_dir():
        stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def infra() -> Infra:
    """The servers of this test run, started when first asked for."""
    return _started(_home(leader()))


@pytest.fixture(scope="session")
def new_database(infra: Infra) -> Callable[[str], str]:
    """Make an empty database whose name starts with what is given; its superuser URL."""

    def make(prefix: str = "test") -> str:
        name = f"{prefix}_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(infra.postgres_admin, autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        return infra.database_url(name)

    return make


@pytest.fixture(scope="module")
def postgres_url(infra: Infra, new_database: Callable[[str], str]) -> Iterator[str]:
    """A fresh database for this test module, dropped after it."""
    url = new_database("module")
    yield url
    with psycopg.connect(infra.postgres_admin, autocommit=True) as server:
        server.execute(f'DROP DATABASE "{urlsplit(url).path[1:]}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def redis_url(infra: Infra) -> str:
    """Redis, shared by the whole run: use keys of your own, never flush it."""
    return infra.redis


@pytest.fixture(scope="session")
def kafka_bootstrap(infra: Infra) -> str:
    """Kafka, shared by the whole run: use topics of your own."""
    return infra.kafka


@pytest.fixture(scope="session")
def new_topic(infra: Infra) -> Callable[[int], str]:
    """Make a topic with this many partitions; its name."""

    def make(partitions: int = 6) -> str:
        name = f"test.{uuid.uuid4().hex[:12]}.v1"
        ensure_topics(infra.kafka, [Topic(name, partitions, -1)])
        return name

    return make
