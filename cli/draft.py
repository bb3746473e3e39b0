"""Orders that are not placed yet: read from a file, or made of the lines given on the command line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json
from cli.exits import CommandFailed, ExitCode

CUSTOMER, CURRENCY, DIGITS, TAX_BASIS_POINTS = "cust-1001", "EUR", 2, 2000
FILE_REMEDY = "write what POST /v1/orders takes, as /docs shows it, and name its file"
FileArgument = Annotated[
    str | None, typer.Argument(metavar="FILE", help="An order as POST /v1/orders takes it, in JSON; - reads what is piped in.")
]
LineOption = Annotated[
    list[str] | None,
    typer.Option("--line", metavar="SKU:QUANTITY:PRICE", help="Instead of a file: in EUR before 20 % tax; may be repeated."),
]
_LINE = re.compile(r"([^:]+):([0-9]+):([0-9]+)(?:\.([0-9]{1,2}))?")


def read_draft(file: str | None, lines: list[str] | None, method: str) -> Json:
    """The order of a file, or one of these lines that is paid so. Raises CommandFailed when it is neither or both."""
    if bool(file) == bool(lines):
        raise CommandFailed("an order is either a file or lines", "name a FILE, or give --line", ExitCode.USAGE)
    if file:
        return _load(file)
    read = [parse_line(text) for text in lines or ()]
    return {"customer_id": CUSTOMER, "currency_code": CURRENCY, "payment_method": method, "lines": read}


def parse_line(text: str) -> Json:
    """Read SKU:QUANTITY:PRICE."""
    found = read_pattern(_LINE, text, "write SKU:QUANTITY:PRICE, such as LAMP-01:3:19.99")
    units = int(found[3]) * 10**DIGITS + int((found[4] or "").ljust(DIGITS, "0"))
    price = {"currency_code": CURRENCY, "minor_units": units}
    return {"sku": found[1], "quantity": int(found[2]), "unit_price": price, "tax_rate_basis_points": TAX_BASIS_POINTS}


def read_pattern(pattern: re.Pattern[str], text: str, remedy: str) -> re.Match[str]:
    """Match all of a text. Raises CommandFailed with this remedy when it does not."""
    found = pattern.fullmatch(text)
    if found is None:
        raise CommandFailed(f"cannot read the line {text}", remedy, ExitCode.USAGE)
    return found


def _load(file: str) -> Json:
    try:
        order = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandFailed(f"cannot read an order from {file}: {error}", FILE_REMEDY, ExitCode.USAGE) from error
    if not isinstance(order, dict):
        raise CommandFailed(f"{file} has no JSON object", FILE_REMEDY, ExitCode.USAGE)
    return order
