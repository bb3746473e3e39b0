"""PostgreSQL: an external server, or the embedded binaries on a data folder of this home."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local import probes, programs
from deploy.local.component import Component
from deploy.local.errors import StackError
from deploy.local.ports import LOCALHOST
from deploy.local.process import Launch
from deploy.local.site import SUPERUSER, Site, inherited_environment

MAJOR = "18"
RESET = "atlas reset removes it with everything in it"
SETTINGS: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
VOLATILE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def postgres(site: Site) -> Component:
    """The database server of the stack."""
    probe = probes.postgres(site.postgres_admin)
    if "ATLAS_PG_URL" in site.external:
        return Component("postgres", "external", None, probe, None, remedy="check ATLAS_PG_URL")
    folder = site.home.data / f"postgres-embedded-{MAJOR}"

    async def prepare() -> None:
        await asyncio.to_thread(_initialise, folder, site)

    return Component(
        name="postgres",
        provider="embedded",
        port=site.ports.postgres,
        probe=probe,
        launch=lambda: _launch(site, folder),
        prepare=prepare,
        data_dir=folder,
        limits="one node, no TLS",
        remedy=f"the data folder {folder} may be broken: {RESET}",
    )


def _launch(site: Site, folder: Path) -> Launch:
    """The server's command; SIGINT is PostgreSQL's fast shutdown."""
    settings = dict(SETTINGS) if site.durable else {**SETTINGS, **VOLATILE}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = str(programs.postgres_program("postgres"))
    argv = [*programs.unprivileged(), server, "-D", str(folder), "-h", LOCALHOST, "-p", str(site.ports.postgres), *options]
    return Launch(argv, inherited_environment(), signal.SIGINT)


def _initialise(folder: Path, site: Site) -> None:
    """Make the data folder beside its place and move it there, so that an interrupted start leaves nothing half-made."""
    if folder.exists():
        return _check(folder)
    draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=folder.parent))
    try:
        secret = draft / "password"
        secret.write_text(site.passwords[SUPERUSER])
        if programs.needs_chown():
            for path in (draft, secret):
                shutil.chown(path, int(programs.NOBODY), int(programs.NOBODY))
        _initdb(draft / "data", secret, () if site.durable else ("--no-sync",))
        (draft / "data").rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return None


def _initdb(folder: Path, secret: Path, sync: Sequence[str]) -> None:
    """Run initdb: UTF-8, the built-in locale (the same order everywhere), passwords for every connection."""
    locale = ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
    access = ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={secret}"]
    program = [*programs.unprivileged(), str(programs.postgres_program("initdb")), "-D", str(folder)]
    command = [*program, *locale, *access, *sync]
    done = subprocess.run(command, capture_output=True, text=True, env=inherited_environment(), check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["initdb failed"])[-1]
        raise StackError(f"cannot make a database in {folder.parent.parent}: {reason}", "choose another folder with --home")


def _check(folder: Path) -> None:
    """Refuse a folder that PostgreSQL would refuse, in words."""
    marker = folder / "PG_VERSION"
    if not marker.is_file() or not (folder / "global" / "pg_control").is_file():
        raise StackError(f"the data folder {folder} is broken (no database in it)", RESET)
    if (found := marker.read_text().strip()) != MAJOR:
        raise StackError(f"the data folder {folder} is of PostgreSQL {found}, not {MAJOR}", RESET)
