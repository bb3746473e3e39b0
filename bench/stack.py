"""Stacks of the benchmark's own, and databases on them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from pydantic import SecretStr

from chassis import migrate
from cli.connection import StackAddresses
from deploy.local import StackRequest, free_base, start, stop
from deploy.local.launcher import running
from deploy.local.programs import postgres_program

SUPERUSER = "postgres"
LOG_LEVEL = {"ATLAS_LOG_LEVEL": "WARNING"}


REAL_KAFKA: Mapping[str, str] = MappingProxyType({"kafka": "real"})
NO_CHOICE: Mapping[str, str] = MappingProxyType({})


@contextmanager
def stack(*only: str, providers: Mapping[str, str] = NO_CHOICE) -> Iterator[StackAddresses]:
    """Start a stack in a temporary home (all of it, or `only` some parts), yield its addresses, stop it."""
    os.environ |= LOG_LEVEL
    with tempfile.TemporaryDirectory(prefix="atlas-bench-") as home:
        place = Path(home)
        request = StackRequest(place, free_base(), only, stop_with=os.getpid(), providers=providers)
        try:
            yield StackAddresses.parse(start(request))
        finally:
            stop(place)


def pids(addresses: StackAddresses) -> dict[str, int]:
    """Return the process ids of a stack's components."""
    state = running(Path(addresses.home))
    if state is None:
        raise RuntimeError("the benchmark's stack has ended")
    return {name: row.pid for name, row in state.components.items() if row.pid}


def kafka_provider(addresses: StackAddresses) -> str:
    """Return the client profile of the stack's broker: only the embedded one is not Apache Kafka."""
    state = running(Path(addresses.home))
    row = state.components.get("kafka") if state else None
    return "embedded" if row and row.provider == "embedded" else "apache"


def gateway_port(addresses: StackAddresses) -> int:
    """Return the port of the stack's gateway."""
    return int(addresses.base_url.rpartition(":")[2])


def log_file(addresses: StackAddresses, name: str) -> Path:
    """Return where a program that runs beside the stack logs."""
    return Path(addresses.home, "logs", f"bench-{name}.log")


def pgbench() -> Path:
    """Return the pgbench beside the server that the stack runs."""
    return Path(postgres_program("pgbench"))


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases of a stack's PostgreSQL server."""

    addresses: StackAddresses

    def url(self, package: str) -> str:
        """Return the application's URL of a service's database."""
        return self.addresses.postgres[package]

    def secret(self, package: str) -> SecretStr:
        """Return the URL as settings take it."""
        return SecretStr(self.url(package))

    def migrate(self, *packages: str) -> None:
        """Bring databases to their head, as their migrator roles."""
        for package in packages:
            migrate.upgrade(package, self._as(f"{package}_migrator", package))

    def empty(self, name: str) -> str:
        """Make an empty database that belongs to no service; the superuser's URL."""
        with psycopg.connect(self._as(SUPERUSER, SUPERUSER), autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self._as(SUPERUSER, name)

    def floor(self) -> str:
        """Make a database with order_svc's tables for a floor to write in, so that no service sees its rows; its URL."""
        url = self.empty("floor")
        migrate.upgrade("order_svc", url)
        return url

    def fresh(self, package: str, name: str) -> SecretStr:
        """Make a database with a service's tables that is not its own; the URL as settings take it."""
        url = self.empty(name)
        migrate.upgrade(package, url)
        return SecretStr(url)

    def settings(self) -> dict[str, str]:
        """Return the settings of the server that durability and speed hang on."""
        names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
        with psycopg.connect(self._as(SUPERUSER, SUPERUSER)) as server:
            rows = server.execute("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [list(names)])
            return dict(rows.fetchall())

    def _as(self, role: str, database: str) -> str:
        passwords = json.loads(Path(self.addresses.home, "passwords.json").read_text())
        parts = urlsplit(next(iter(self.addresses.postgres.values())))
        place = f"{role}:{passwords[role]}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=place, path=f"/{database}"))
