"""Commands for the stack itself: up, down, status, env, reset."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli import connection, doctor
from cli.card import card
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption, PortBaseOption
from cli.exits import CommandFailed, ExitCode
from cli.up import bring_up, choose
from deploy.local.home import Home
from deploy.local.inspection import inspect
from deploy.local.launcher import StackRequest, running, stop
from deploy.local.ports import DEFAULT_BASE
from deploy.local.state import ComponentState

OnlyOption = Annotated[str, typer.Option("--only", hidden=True, help="Start these components only, separated by commas.")]
NoCardOption = Annotated[bool, typer.Option("--no-card", hidden=True)]
VolatileOption = Annotated[bool, typer.Option("--volatile", hidden=True, help="PostgreSQL does not wait for the disk (tests).")]
RealOption = Annotated[bool, typer.Option("--real", help="Installed PostgreSQL and Redis, fetched Kafka and Keycloak.")]
ProviderOption = Annotated[
    list[str] | None,
    typer.Option("--provider", metavar="PART=PROVIDER", help="One part's provider, such as kafka=embedded. May be repeated."),
]
StopWithOption = Annotated[int, typer.Option("--stop-with", hidden=True, help="Stop when the process with this pid ends.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (up, down, status, env, reset, doctor.doctor):
        app.command(epilog=EXAMPLES[command.__name__])(command)


FETCHED = "dist"
EXAMPLES = {
    "up": "Example: atlas up --home /tmp/second --port-base 18080",
    "down": "Example: atlas down --home /tmp/second",
    "status": "Example: atlas status --json",
    "env": "Example: eval $(atlas env)",
    "reset": "Example: atlas reset --yes",
    "doctor": "Example: atlas doctor --port-base 18080",
}


def up(
    home: HomeOption = DEFAULT_HOME,
    port_base: PortBaseOption = DEFAULT_BASE,
    real: RealOption = False,
    provider: ProviderOption = None,
    only: OnlyOption = "",
    volatile: VolatileOption = False,
    stop_with: StopWithOption = 0,
    no_card: NoCardOption = False,
) -> None:
    """Start the whole stack on this machine and leave it running. Does nothing when it already runs.

    With --real, what is not there is embedded instead, and named; with ATLAS_REQUIRE_REAL=1 that is a failure.
    """
    console = Console(highlight=False)
    names = tuple(name for name in only.split(",") if name)
    providers = choose(provider or (), console, real=real)
    request = StackRequest(home.resolve(), port_base, names, volatile=volatile, stop_with=stop_with, providers=providers)
    addresses = bring_up(request, console)
    if not no_card:
        console.print(card(connection.StackAddresses.parse(addresses), whole=not names), soft_wrap=True)


def down(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Stop the stack. Its data stays."""
    began = time.monotonic()
    with Console(stderr=True).status("stopping"):
        was_running = stop(home)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        print(json.dumps({"home": str(home.resolve()), "was_running": was_running, "seconds": seconds}))
    else:
        print(f"stopped in {seconds} s" if was_running else f"nothing runs in {home.resolve()}")


def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show what runs: provider, version, data, pid, port, health and limits. Exit 1 when something is not ready."""
    state = running(home)
    if state is None:
        raise CommandFailed(f"no stack runs in {home.resolve()}", "start it: atlas up", ExitCode.UNREACHABLE)
    rows = inspect(Home(home.resolve()), state)
    if as_json:
        facts = {"home": state.home, "port_base": state.port_base, "phase": state.phase, "supervisor_pid": state.supervisor_pid}
        print(json.dumps(facts | {"components": [asdict(row) for row in rows]}, indent=2))
    else:
        _show(rows)
    if any(row.health != "ready" for row in rows):
        raise CommandFailed("not everything is ready", f"read the logs in {home.resolve() / 'logs'}")


def env(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Print the addresses of the stack: export lines for a shell, or JSON."""
    addresses = asdict(connection.load(home))
    if as_json:
        print(json.dumps(addresses, indent=2))
        return
    for name, value in exports(addresses).items():
        print(f"export {name}={shlex.quote(value)};")


def exports(addresses: dict[str, Any]) -> dict[str, str]:
    """The addresses as variables. None of them is a provider variable: a stack started from that shell is its own."""
    flat: dict[str, str] = {}
    for key, value in addresses.items():
        rows = {f"{key}_{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
        flat |= {f"ATLAS_{name.upper()}": text for name, text in rows.items()}
    return flat


def reset(
    home: HomeOption = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the stack and delete everything it has written."""
    folder = home.resolve()
    if not folder.exists() or [path.name for path in folder.iterdir()] == [FETCHED]:
        print(f"nothing to remove in {folder}")
        return
    if not (folder / "lock").is_file() and any(folder.iterdir()):
        raise CommandFailed(f"{folder} is not the folder of a stack", "name the right one with --home")
    if not yes:
        typer.confirm(f"Delete {folder} with all its data?", abort=True)
    stop(home)
    _remove(folder)
    print(f"removed {folder}" + (f" but {FETCHED}/, which `atlas fetch-real` made" if folder.exists() else ""))


def _remove(folder: Path) -> None:
    """Delete a home; what `atlas fetch-real` has put into the default one stays, for the other homes use it too."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name != FETCHED:
                shutil.rmtree(path)
        else:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _show(rows: list[ComponentState]) -> None:
    """One line a component, then where data lies and what a provider cannot do."""
    table = Table(box=None, pad_edge=False)
    for title in ("component", "health", "provider", "version", "port", "pid", "restarts"):
        table.add_column(title)
    for row in rows:
        color = "green" if row.health == "ready" else "red"
        numbers = ("" if value is None else str(value) for value in (row.port, row.pid, row.restarts))
        table.add_row(row.name, f"[{color}]{row.health}[/]", row.provider, row.version, *numbers)
    console = Console(highlight=False)
    console.print(table)
    for row in rows:
        for title, text in (("data", row.data_dir), ("limits", row.limits)):
            if text:
                console.print(f"{row.name} {title}: {text}", markup=False, soft_wrap=True)
