"""The data folder of a PostgreSQL: made once with initdb, and refused in words when the server would refuse it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.local import programs
from deploy.local.errors import StackError
from deploy.local.site import SUPERUSER, Site, inherited_environment

RESET = "atlas reset removes it with everything in it"
BUILTIN_LOCALES_SINCE = 17


def initialise(binaries: Path, folder: Path, major: int, site: Site) -> None:
    """Make the data folder beside its place and move it there, so that an interrupted start leaves nothing half-made."""
    if folder.exists():
        return _check(folder, major)
    with tempfile.TemporaryDirectory(prefix="initdb-", dir=folder.parent, ignore_cleanup_errors=True) as name:
        draft = Path(name)
        secret = draft / "password"
        secret.write_text(site.passwords[SUPERUSER])
        if programs.needs_chown():
            for path in (draft, secret):
                shutil.chown(path, int(programs.NOBODY), int(programs.NOBODY))
        command = [str(binaries / "initdb"), "-D", str(draft / "data"), *_locale(major)]
        _initdb(
            [*command, "-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={secret}", *(() if site.durable else ("--no-sync",))]
        )
        (draft / "data").rename(folder)
    return None


def _locale(major: int) -> Sequence[str]:
    """UTF-8 in the order of code points: the built-in locale, which is the same everywhere, or that of the C library."""
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    return ("-E", "UTF8", "--locale=C.UTF-8", *(builtin if major >= BUILTIN_LOCALES_SINCE else ()))


def _initdb(command: Sequence[str]) -> None:
    """Run initdb, with passwords for every connection."""
    environment = inherited_environment()
    done = subprocess.run([*programs.unprivileged(), *command], capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["initdb failed"])[-1]
        raise StackError(f"cannot make a database: {reason}", "choose another folder with --home")


def _check(folder: Path, major: int) -> None:
    """Refuse a folder that PostgreSQL would refuse, in words."""
    marker = folder / "PG_VERSION"
    if not marker.is_file() or not (folder / "global" / "pg_control").is_file():
        raise StackError(f"the data folder {folder} is broken (no database in it)", RESET)
    if (found := marker.read_text().strip()) != str(major):
        raise StackError(f"the data folder {folder} is of PostgreSQL {found}, not {major}", RESET)
