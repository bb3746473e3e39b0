"""`atlas invariants`: does everything hold that Atlas promises? Exit 4 when something does not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.auditing.auditor import MAX_FINDINGS, SETTLE_SECONDS, Invariant, audit
from cli.client import RestClient, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode
from cli.show import console, error_console, show_json

SettleOption = Annotated[
    float,
    typer.Option(
        "--settle", min=0, metavar="SECONDS", help="How long something may be wrong: services hear of events in turn."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog="Example: atlas invariants --json")(invariants)


def invariants(settle: SettleOption = SETTLE_SECONDS, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check each service's own invariants and those between services. Changes nothing."""
    rows = audited(connect(home), settle)
    if as_json:
        show_json([as_dict(row) for row in rows])
    else:
        print_table(rows)
    refuse_broken(rows)


def audited(client: RestClient, settle: float = SETTLE_SECONDS) -> list[Invariant]:
    """Check everything, saying on the terminal what is being read."""
    with error_console.status("checking the invariants") as status:
        return audit(client, lambda text: status.update(f"checking the invariants: {text}"), settle)


def as_dict(row: Invariant) -> dict[str, Any]:
    """The row for --json."""
    return asdict(row) | {"holds": row.holds}


def print_table(rows: list[Invariant]) -> None:
    """One line an invariant, with what is wrong below it."""
    table = Table(box=None, pad_edge=False)
    for title in ("", "invariant", "where", "checked", "statement"):
        table.add_column(title, overflow="fold")
    for row in rows:
        mark = Text("ok", style="green") if row.holds else Text("FAIL", style="bold red")
        table.add_row(mark, row.name, row.owner, str(row.checked), Text(row.statement))
        for finding in row.findings[:MAX_FINDINGS]:
            table.add_row("", "", "", "", Text(finding, style="red"))
    console.print(table)


def print_summary(rows: list[Invariant]) -> None:
    """One line an owner, and what is wrong."""
    owners = {row.owner: [each for each in rows if each.owner == row.owner] for row in rows}
    counts = {owner: f"{sum(row.holds for row in own)} of {len(own)}" for owner, own in owners.items()}
    lines = [f"{'between services' if owner == 'all' else owner} {count}" for owner, count in counts.items()]
    console.print(f"hold: {', '.join(lines)}", soft_wrap=True)
    if broken := [row for row in rows if not row.holds]:
        print_table(broken)


def refuse_broken(rows: list[Invariant]) -> None:
    """End the command with exit code 4 when something does not hold."""
    if broken := [row for row in rows if not row.holds]:
        names = ", ".join(f"{row.name} ({row.owner})" for row in broken)
        what = f"{len(broken)} of {len(rows)} invariants are broken: {names}"
        raise CommandFailed(what, "atlas saga show ORDER_ID, atlas dlq list", ExitCode.INVARIANT_BROKEN)
