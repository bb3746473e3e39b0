"""A stack of the benchmark's own, started and stopped through the command a user types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from chassis import migrate
from cli.connection import StackAddresses
from deploy.local import free_base
from deploy.local.programs import postgres_program

BIN = Path(sys.executable).parent


@contextmanager
def stack(*only: str) -> Iterator[StackAddresses]:
    """Start a stack in a temporary home (all of it, or `only` some parts), yield its addresses, stop it."""
    with tempfile.TemporaryDirectory(prefix="atlas-bench-") as home:
        place = ["--home", home, "--port-base", str(free_base())]
        parts = ["--only", ",".join(only)] if only else []
        environment = {**os.environ, "ATLAS_LOG_LEVEL": "WARNING"}
        subprocess.run([BIN / "atlas", "up", *place, *parts], check=True, stdout=subprocess.DEVNULL, env=environment)
        try:
            yield addresses(home)
        finally:
            subprocess.run([BIN / "atlas", "down", "--home", home], check=True, stdout=subprocess.DEVNULL)


def addresses(home: str) -> StackAddresses:
    """Return the addresses of the stack in `home`."""
    done = subprocess.run([BIN / "atlas", "env", "--json", "--home", home], check=True, capture_output=True, text=True)
    raw: dict[str, Any] = json.loads(done.stdout)
    return StackAddresses.parse(raw)


def pids(home: str) -> dict[str, int]:
    """Return the process ids of the stack's components."""
    done = subprocess.run([BIN / "atlas", "status", "--json", "--home", home], check=False, capture_output=True, text=True)
    return {part["name"]: part["pid"] for part in json.loads(done.stdout)["components"]}


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def database_url(addresses: StackAddresses, package: str) -> str:
    """Return the application's database URL of a service."""
    return addresses.postgres[package]


def pgbench() -> Path:
    """Return the pgbench beside the server that the stack runs."""
    return Path(postgres_program("pgbench"))


@dataclass(frozen=True, slots=True)
class Databases:
    """The service databases of a stack that has nothing but a PostgreSQL server."""

    addresses: StackAddresses

    def url(self, package: str) -> str:
        """Return the application's URL of a service's database."""
        return database_url(self.addresses, package)

    def secret(self, package: str) -> SecretStr:
        """Return the URL as settings take it."""
        return SecretStr(self.url(package))

    def migrate(self, *packages: str) -> None:
        """Bring databases to their head, as their migrator roles."""
        passwords = json.loads(Path(self.addresses.home, "passwords.json").read_text())
        for package in packages:
            parts = urlsplit(self.url(package))
            role = f"{package}_migrator"
            place = f"{role}:{passwords[role]}@{parts.hostname}:{parts.port}"
            migrate.upgrade(package, urlunsplit(parts._replace(netloc=place)))
