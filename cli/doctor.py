"""`atlas doctor`: is everything here that a stack needs, before one tries."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.connection import DEFAULT_HOME, HomeOption, JsonOption, PortBaseOption
from cli.exits import CommandFailed
from deploy.local import programs
from deploy.local.errors import StackError
from deploy.local.home import Home
from deploy.local.launcher import running
from deploy.local.plan import PROGRAMS
from deploy.local.ports import DEFAULT_BASE, HIGHEST_OFFSET, busy
from deploy.local.services import is_built

OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `remedy` is empty when it passed."""

    name: str
    detail: str
    remedy: str = ""


def doctor(
    home: HomeOption = DEFAULT_HOME,
    port_base: PortBaseOption = DEFAULT_BASE,
    as_json: JsonOption = False,
) -> None:
    """Check Python, programs, folder and ports. Exit 1 when something would stop `atlas up`."""
    folder = home.resolve()
    findings = [examine(name, check) for name, check in CHECKS.items()]
    findings += [examine("folder", lambda: _folder(folder)), examine("ports", lambda: _ports(folder, port_base))]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'FAIL' if finding.remedy else 'ok  '} {finding.name:<12} {finding.detail}")
    if failed := [finding for finding in findings if finding.remedy]:
        raise CommandFailed(f"{failed[0].name}: {failed[0].detail}", failed[0].remedy)


def examine(name: str, check: Callable[[], str]) -> Finding:
    """Run one check."""
    try:
        return Finding(name, check())
    except StackError as error:
        return Finding(name, error.what, error.remedy)


def _python() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise StackError(f"Python {version} is too old", "install Python 3.11 or newer")
    return version


def _postgres() -> str:
    wrapper = " ".join(programs.unprivileged()[:1])
    return f"{programs.postgres_program('postgres')}{f' (as root through {wrapper})' if wrapper else ''}"


def _services() -> str:
    if missing := [package for package in PROGRAMS.values() if not is_built(package)]:
        raise StackError(f"{', '.join(missing)} missing", "get a complete copy of this repository")
    return f"{len(PROGRAMS)} programs of this repository"


def _folder(folder: Path) -> str:
    Home(folder).make()
    if (free := shutil.disk_usage(folder).free) < NEEDED_BYTES:
        raise StackError(f"{folder} has {free // 1_000_000} MB left", "make room for 500 MB, or choose another --home")
    return str(folder)


def _ports(folder: Path, base: int) -> str:
    if (state := running(folder)) is not None:
        return f"a stack runs in {folder} on {state.port_base}"
    if taken := busy(range(base, base + HIGHEST_OFFSET + 1)):
        raise StackError(f"in use: {', '.join(map(str, taken))}", "stop what listens there, or choose another --port-base")
    return f"{base} to {base + HIGHEST_OFFSET} are free"


CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "postgres": _postgres,
    "redis": lambda: str(programs.valkey_server()),
    "kafka": lambda: str(programs.tansu()),
    "services": _services,
}
