"""`atlas demo`: plays scenarios through REST with a live timeline, prints expected against actual, checks the invariants."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.card import card
from cli.client import connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode
from cli.invariants import as_dict, audited, print_summary, refuse_broken
from cli.scenarios.narrator import Silence, Terminal
from cli.scenarios.playing import SCENARIOS, Outcome, perform, with_method
from cli.scenarios.ways_to_pay import WAYS
from cli.show import console, show_json

PATIENCE_SECONDS = 20.0
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(SCENARIOS)}; all by default.")]
MethodOption = Annotated[
    str, typer.Option("--method", metavar="METHOD", help=f"With money: one way to pay. One of {', '.join(WAYS)}.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Play all of them.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog="Example: atlas demo happy")(demo)


def demo(
    name: NameArgument = "",
    every: AllOption = False,
    method: MethodOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Play scenarios on the running stack. Exit 0 only when all is as expected and the invariants hold."""
    if (name and every) or (name and name not in SCENARIOS):
        what = f"there is no scenario {name}" if name not in SCENARIOS else "--all plays every scenario"
        raise CommandFailed(what, f"choose one of {', '.join(SCENARIOS)}, or --all", ExitCode.USAGE)
    _check_method(name, method)
    client, began = connect(home, PATIENCE_SECONDS), time.monotonic()
    narrator = Silence() if as_json else Terminal(console)
    one = with_method(method) if method else None
    outcomes = [perform(each, client, narrator, one) for each in ([name] if name else SCENARIOS)]
    seconds = time.monotonic() - began
    rows = audited(client)
    if as_json:
        holds = all(outcome.holds for outcome in outcomes) and all(row.holds for row in rows)
        scenarios, checked = [_as_dict(outcome) for outcome in outcomes], [as_dict(row) for row in rows]
        show_json({"holds": holds, "scenarios": scenarios, "invariants": checked})
    else:
        console.rule("invariants", align="left")
        print_summary(rows)
        _print_verdict(outcomes, seconds)
        if not name:
            console.print(card(client.addresses, whole=True), soft_wrap=True)
    refuse_broken(rows)
    _refuse_surprises(outcomes)


def _check_method(name: str, method: str) -> None:
    if method and (name != "money" or method not in WAYS):
        what = "--method goes with money" if name != "money" else f"there is no method {method}"
        raise CommandFailed(what, f"atlas demo money --method with one of {', '.join(WAYS)}", ExitCode.USAGE)


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    checks = [asdict(check) | {"holds": check.holds} for check in outcome.checks]
    return asdict(outcome) | {"checks": checks, "holds": outcome.holds}


def _print_verdict(outcomes: list[Outcome], seconds: float) -> None:
    good = sum(outcome.holds for outcome in outcomes)
    style = "green" if good == len(outcomes) else "red"
    console.print(f"{good} of {len(outcomes)} scenarios as expected in {seconds:.1f} s", style=style)


def _refuse_surprises(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        for check in outcome.checks:
            if not check.holds:
                what = f"{outcome.name}: {check.what}: expected {check.expected}, got {check.actual}"
                raise CommandFailed(what, f"atlas saga show {(outcome.order_ids or ['ORDER_ID'])[-1]}")
