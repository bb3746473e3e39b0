"""PostgreSQL: an external server, or an installed one or the embedded binaries on a data folder of this home."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import probes, programs
from deploy.local.cluster import RESET, initialise
from deploy.local.component import Component, external
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.site import PARTS, Site, inherited_environment

EMBEDDED_MAJOR = 18
SETTINGS: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
SINCE_18: Mapping[str, str] = {"io_method": "sync"}
VOLATILE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Server:
    """The programs of one PostgreSQL, and where its data lies."""

    provider: str
    major: int
    programs: Path
    folder: Path


def postgres(site: Site) -> Component:
    """The database server of the stack."""
    probe = probes.postgres(site.postgres_admin)
    if site.provider("postgres") == "external":
        return external("postgres", probe, PARTS["postgres"])
    server = _installed(site) if site.provider("postgres") == "real" else _embedded(site)

    async def prepare() -> None:
        await asyncio.to_thread(initialise, server.programs, server.folder, server.major, site)

    return Component(
        name="postgres",
        provider=server.provider,
        port=site.ports.postgres,
        probe=probe,
        launch=lambda: _launch(site, server),
        prepare=prepare,
        data_dir=server.folder,
        limits="one node, no TLS",
        remedy=f"the data folder {server.folder} may be broken: {RESET}",
    )


def _embedded(site: Site) -> Server:
    return Server(
        "embedded", EMBEDDED_MAJOR, programs.postgres_program("postgres").parent, _folder(site, "embedded", EMBEDDED_MAJOR)
    )


def _installed(site: Site) -> Server:
    """The newest that is installed, but one whose data this home already has before any other."""
    found = programs.installed_postgres()
    major = max(found, key=lambda major: (_folder(site, "real", major).exists(), major))
    return Server("real", major, found[major], _folder(site, "real", major))


def _folder(site: Site, provider: str, major: int) -> Path:
    return site.home.data / f"postgres-{provider}-{major}"


def _launch(site: Site, server: Server) -> Launch:
    """The server's command; SIGINT is PostgreSQL's fast shutdown."""
    settings = {**SETTINGS, **(SINCE_18 if server.major >= 18 else {}), **({} if site.durable else VOLATILE)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    program = str(server.programs / "postgres")
    argv = [*programs.unprivileged(), program, "-D", str(server.folder), "-h", LOCALHOST, "-p", str(site.ports.postgres)]
    return Launch([*argv, *options], inherited_environment(), signal.SIGINT)
