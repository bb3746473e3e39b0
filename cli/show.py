"""How commands print: JSON for programs, small tables for people, money as people write it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from babel.numbers import get_currency_precision
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 160
console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
error_console = Console(stderr=True, highlight=False)


def show_json(data: object) -> None:
    """Print one JSON document."""
    print(json.dumps(data, indent=2))


def show_found(found: dict[str, Any] | list[dict[str, Any]], columns: Sequence[str], as_json: bool, *, empty: str = "") -> None:
    """Print one resource, or a list of them, of which `empty` says that there are none: JSON, or a table for people."""
    if as_json:
        show_json(found)
    else:
        show_rows(found if isinstance(found, list) else [found], columns, empty=empty)


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print the named members of each row as a table, or a sentence when there are none."""
    listed = list(rows)
    if not listed:
        print(empty)
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column.endswith("_id"))
    for row in listed:
        table.add_row(*(Text(text(row.get(column))) for column in columns))
    console.print(table)


def text(value: Any) -> str:
    """One value as people read it."""
    if isinstance(value, dict) and "minor_units" in value:
        return money(value)
    if isinstance(value, dict) and "username" in value:
        return str(value["username"])
    if isinstance(value, list | dict):
        return json.dumps(value)
    return "" if value is None else str(value)


def money(amount: Mapping[str, Any]) -> str:
    """An amount such as `19.99 EUR`."""
    currency, units = str(amount["currency_code"]), int(amount["minor_units"])
    digits = get_currency_precision(currency)
    whole, part = divmod(abs(units), 10**digits)
    fraction = f".{part:0{digits}d}" if digits else ""
    return f"{'-' if units < 0 else ''}{whole:,}{fraction} {currency}"
