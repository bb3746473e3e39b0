"""Every command: an example in its help, and what it answers when no stack runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.clock import parse_duration
from cli.exits import CommandFailed, ExitCode
from cli.main import make_app
from cli.order import parse_line, parse_part
from cli.stock import parse_cost, parse_units

ORDER = "019a0000-0000-7000-8000-000000000000"
NEED_A_STACK = [
    *(["seed"], ["demo", "happy"], ["invariants"], ["order", "list"], ["order", "get", ORDER], ["saga", "show", ORDER]),
    *(["outbox", "list"], ["parked", "list"], ["dlq", "list"], ["events", "replay"], ["clock", "show"]),
    *(["clock", "advance", "3d"], ["order", "quote", "--line", "LAMP-01:1:1"]),
    *(["stock", "items"], ["stock", "receive", "--line", "LAMP-01:1"], ["stock", "movements", "LAMP-01"]),
    *(["stock", "adjust", "--line", "LAMP-01:-1", "--reason", "LOST"], ["stock", "cost", "LAMP-01", "1"]),
]


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every command there is."""
    members: dict[str, object] | None = getattr(group, "commands", None)
    if members is None:
        return [path]
    return [found for name, member in members.items() for found in commands(member, (*path, name))]


@pytest.mark.parametrize("path", commands(get_command(make_app())), ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(make_app(), [*path, "--help"])
    assert shown.exit_code == 0
    assert "Example: " in shown.stdout
    assert path[-1] in shown.stdout


@pytest.mark.parametrize("arguments", NEED_A_STACK, ids=" ".join)
def test_without_a_stack_it_is_unreachable(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    result = CliRunner().invoke(make_app(), arguments)
    assert isinstance(result.exception, CommandFailed)
    assert (result.exception.code, result.exception.remedy) == (ExitCode.UNREACHABLE, "start it: atlas up")


@pytest.mark.parametrize(("text", "seconds"), [("3d", 259_200), ("12h", 43_200), ("1d12h", 129_600), ("90s", 90), ("2m", 120)])
def test_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "3 d", "3w", "0s", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        parse_duration(text)
    assert refused.value.code is ExitCode.USAGE


@pytest.mark.parametrize(("price", "units"), [("19.99", 1999), ("19.9", 1990), ("19", 1900), ("0.05", 5)])
def test_line_has_its_price_in_minor_units(price: str, units: int) -> None:
    assert parse_line(f"LAMP-01:3:{price}")["unit_price"] == {"currency_code": "EUR", "minor_units": units}


def test_part_of_a_shipment_is_a_line_and_its_units() -> None:
    assert parse_part("2:13") == {"line_number": 2, "quantity": 13}


@pytest.mark.parametrize("text", ["", "1", "1:", ":2", "1:x", "1:-2", "1:2:3"])
def test_part_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        parse_part(text)
    assert refused.value.code is ExitCode.USAGE


@pytest.mark.parametrize("text", ["LAMP-01", "LAMP-01:3", "LAMP-01:x:1", "LAMP-01:1:1.999", ":1:1"])
def test_line_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        parse_line(text)
    assert refused.value.code is ExitCode.USAGE


@pytest.mark.parametrize(("text", "quantity"), [("LAMP-01:2", 2), ("LAMP-01:-2", -2), ("LAMP-01:+2", 2)])
def test_units_go_up_or_down(text: str, quantity: int) -> None:
    assert parse_units(text) == {"sku": "LAMP-01", "quantity": quantity}


def test_cost_is_read_in_minor_units() -> None:
    costs = [parse_cost(text)["minor_units"] for text in ("12.5", "12.50", "12", "0.05", "0")]
    assert costs == [1250, 1250, 1200, 5, 0]


@pytest.mark.parametrize("text", ["LAMP-01", "LAMP-01:", ":2", "LAMP-01:1.5", "LAMP-01:--2"])
def test_units_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        parse_units(text)
    assert refused.value.code is ExitCode.USAGE


@pytest.mark.parametrize("text", ["", "-1", "1.234", "1,50", "twelve"])
def test_cost_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        parse_cost(text)
    assert refused.value.code is ExitCode.USAGE
