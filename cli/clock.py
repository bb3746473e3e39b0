"""`atlas clock`: the sandbox clock of every service, which goes ahead only."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli.client import Caller, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode
from cli.show import show_json, show_rows
from deploy.local.services import SERVICES

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]+[dhms])+")
ByArgument = Annotated[str, typer.Argument(metavar="DURATION", help="How far: 3d, 12h, 1d12h, 90s.")]
COLUMNS = ("service", "now", "offset_seconds")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    clock = typer.Typer(help="The sandbox clock of every service.", no_args_is_help=True)
    clock.command("show", epilog="Example: atlas clock show")(show)
    clock.command("advance", epilog="Example: atlas clock advance 3d")(advance)
    app.add_typer(clock, name="clock")


def show(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show the clock of each service."""
    reader = connect(home).as_user("ops")
    _print([{"service": row.upstream} | reader.get(f"/v1/ops/{row.upstream}/clock") for row in SERVICES], as_json)


def advance(by: ByArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Move the clock of every service ahead; timers that are due then fire at once."""
    _print(move(connect(home).as_user("ops"), parse_duration(by)), as_json)


def move(operator: Caller, seconds: int) -> list[dict[str, object]]:
    """Move the clock of every service ahead; a row for each."""
    body = {"seconds": seconds}
    return [{"service": row.upstream} | operator.post(f"/v1/ops/{row.upstream}/clock/advance", body) for row in SERVICES]


def parse_duration(text: str) -> int:
    """Seconds of 3d, 12h, 1d12h30m."""
    if not _DURATION.fullmatch(text) or not (seconds := sum(_parts(text))):
        raise CommandFailed(f"{text} is no duration", "write 3d, 12h, 30m, 90s or 1d12h", ExitCode.USAGE)
    return seconds


def _parts(text: str) -> list[int]:
    return [int(number) * UNITS[unit] for number, unit in re.findall(r"([0-9]+)([dhms])", text)]


def _print(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        show_json(rows)
    else:
        show_rows(rows, COLUMNS, empty="no services")
