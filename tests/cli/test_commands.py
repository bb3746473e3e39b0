"""Every command: an example in its help, and what it answers when no stack runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.clock import parse_duration
from cli.draft import parse_line, read_draft
from cli.exits import CommandFailed, ExitCode
from cli.main import MODULES, make_app
from cli.order import parse_part
from cli.quote import stock_sentence
from cli.stock import parse_cost, parse_units

ORDER = "019a0000-0000-7000-8000-000000000000"
NEED_A_STACK = [
    *(["seed"], ["demo", "happy"], ["invariants"], ["order", "list"], ["order", "get", ORDER], ["saga", "show", ORDER]),
    *(["outbox", "list"], ["parked", "list"], ["dlq", "list"], ["audit", "list"], ["events", "replay"], ["clock", "show"]),
    *(["saga", "stuck"], ["clock", "advance", "3d"], ["order", "quote", "--line", "LAMP-01:1:1"]),
    *(["stock", "items"], ["stock", "receive", "--line", "LAMP-01:1"], ["stock", "movements", "LAMP-01"]),
    *(["stock", "adjust", "--line", "LAMP-01:-1", "--reason", "LOST"], ["stock", "cost", "LAMP-01", "1"]),
    *(["ledger", "verify"], ["ledger", "reconcile"], ["ledger", "balance"], ["ledger", "journals"]),
    *(["invoice", "list"], ["invoice", "show", ORDER], ["invoice", "document", ORDER]),
    *(["invoice", "pay", ORDER, "--method", "pm_ok"], ["invoice", "credit", ORDER, "1:1", "--reason", "LATE"]),
    ["invoice", "void", ORDER, "--reason", "DUPLICATE", "--comment", "twice"],
    *(["payment", "list"], ["payment", "show", ORDER], ["payment", "resolve", ORDER]),
    *(["payment", "refund", ORDER, "1", "--reason", "LATE"], ["refund", "list"], ["refund", "retry", ORDER]),
]
ALL = make_app()


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every command there is."""
    members: dict[str, object] | None = getattr(group, "commands", None)
    if members is None:
        return [path]
    return [found for name, member in members.items() for found in commands(member, (*path, name))]


@pytest.mark.parametrize("path", commands(get_command(ALL)), ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(ALL, [*path, "--help"])
    assert shown.exit_code == 0
    assert "Example: " in shown.stdout
    assert path[-1] in shown.stdout


@pytest.mark.parametrize("names", MODULES.values(), ids=MODULES)
def test_a_part_has_the_commands_it_is_imported_for(names: tuple[str, ...]) -> None:
    for name in names:
        assert {path[0] for path in commands(get_command(make_app(name)))} == set(names)
        assert CliRunner().invoke(make_app(name), [name, "--help"]).stdout == CliRunner().invoke(ALL, [name, "--help"]).stdout


@pytest.mark.parametrize("arguments", NEED_A_STACK, ids=" ".join)
def test_without_a_stack_it_is_unreachable(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    result = CliRunner().invoke(ALL, arguments)
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


def test_an_order_is_read_from_a_file_or_from_lines(tmp_path: Path) -> None:
    order = {"customer_id": "cust-7", "currency_code": "JPY", "payment_method": "pm_slow", "lines": []}
    (tmp_path / "order.json").write_text(json.dumps(order))
    assert read_draft(str(tmp_path / "order.json"), None, "pm_ok") == order
    drawn = read_draft(None, ["LAMP-01:1:2", "DESK-02:3:4"], "pm_slow")
    assert (drawn["payment_method"], [line["sku"] for line in drawn["lines"]]) == ("pm_slow", ["LAMP-01", "DESK-02"])


@pytest.mark.parametrize("content", [None, "", "[]", "{", "\xff"])
def test_a_file_that_is_no_order_is_refused(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    if content is not None:
        file.write_text(content, "latin-1")
    with pytest.raises(CommandFailed, match=re.escape(str(file))) as refused:
        read_draft(str(file), None, "pm_ok")
    assert refused.value.code is ExitCode.USAGE


@pytest.mark.parametrize(("file", "lines"), [(None, None), (None, []), ("order.json", ["LAMP-01:1:1"])])
def test_neither_a_file_nor_lines_or_both_is_refused(file: str | None, lines: list[str] | None) -> None:
    with pytest.raises(CommandFailed, match="either a file or lines"):
        read_draft(file, lines, "pm_ok")


NOW_AND_LATER = {"quantity": 3, "available_now": 1, "expected_time": "2030-01-31T12:00:00Z"}


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([{"quantity": 3, "available_now": 3}], "all of it is there"),
        ([NOW_AND_LATER, {"quantity": 1, "available_now": 1}], "all of it is expected by 2030-01-31T12:00:00Z"),
        ([NOW_AND_LATER, {"quantity": 2, "available_now": 1}], "not all of it is there or announced"),
    ],
)
def test_a_quote_says_when_all_of_it_could_be_shipped(lines: list[dict[str, object]], sentence: str) -> None:
    assert stock_sentence(lines) == sentence


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
