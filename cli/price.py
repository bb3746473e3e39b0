"""`atlas price …`: list prices from a terminal, and look at the list."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from babel.numbers import get_currency_precision

from cli.client import Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode
from cli.options import LimitOption
from cli.show import show_found

COLUMNS = ("price_id", "sku", "unit_price", "tax_rate_basis_points", "valid_from")
SkuArgument = Annotated[str, typer.Argument(metavar="SKU", help="The item; inventory need not know it.")]
PriceArgument = Annotated[str, typer.Argument(metavar="PRICE", help="Of one unit, before discount and tax, such as 19.99.")]
CurrencyOption = Annotated[str, typer.Option("--currency", metavar="CODE", help="The currency of the orders it is for.")]
TaxOption = Annotated[int, typer.Option("--tax", metavar="BASIS_POINTS", help="The tax rate; 2000 is 20 %.")]
FromOption = Annotated[
    str | None, typer.Option("--valid-from", metavar="TIME", help="From when on, such as 2030-01-01T00:00:00Z; now by default.")
]
SkuOption = Annotated[str | None, typer.Option("--sku", help="Only prices of this item.")]
_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    prices = typer.Typer(help="The price list: whoever may not set prices orders at it.", no_args_is_help=True)
    prices.command("set", epilog="Example: atlas price set LAMP-01 19.99 --tax 2000")(set_price)
    prices.command("list", epilog="Example: atlas price list --sku LAMP-01")(list_prices)
    app.add_typer(prices, name="price")


def set_price(
    sku: SkuArgument,
    price: PriceArgument,
    currency: CurrencyOption = "EUR",
    tax: TaxOption = 2000,
    valid_from: FromOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List a price, as ops."""
    body: Json = {"sku": sku, "unit_price": parse_price(price, currency), "tax_rate_basis_points": tax}
    listed = connect(home).as_user("ops").post("/v1/prices", body | ({"valid_from": valid_from} if valid_from else {}))
    show_found(listed, COLUMNS, as_json)


def list_prices(
    sku: SkuOption = None, limit: LimitOption = 20, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Show the price list, the price made last first."""
    found = connect(home).as_user("ops").first("/v1/prices", "prices", limit, sku=sku)
    show_found(found, COLUMNS, as_json, empty="no prices")


def parse_price(text: str, currency: str) -> Json:
    """Read an amount as people write it, such as 19.99, in the digits that its currency has."""
    found, digits = _AMOUNT.fullmatch(text), get_currency_precision(currency)
    if found is None or len(found[2] or "") > digits:
        remedy = f"write a price in {currency} with at most {digits} decimals"
        raise CommandFailed(f"cannot read the price {text}", remedy, ExitCode.USAGE)
    return {"currency_code": currency, "minor_units": int(found[1] + (found[2] or "").ljust(digits, "0"))}
