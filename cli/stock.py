"""`atlas stock …`: items, receipts, adjustments, movements and costs from a terminal."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli.backorder import announce, availability
from cli.client import Caller, Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.draft import CURRENCY, DIGITS, read_pattern
from cli.exits import CommandFailed, ExitCode
from cli.options import CommentOption, KeyOption, LimitOption
from cli.show import show_found, show_json, show_rows

ITEM = ("sku", "name", "standard_cost", "on_hand", "reserved", "available", "backordered", "version")
MOVEMENT = ("movement_number", "quantity", "reason", "on_hand_after", "unit_cost", "value_change", "source_id", "create_time")
SkuArgument = Annotated[str, typer.Argument(metavar="SKU", help="The item.")]
ReferenceOption = Annotated[str, typer.Option("--reference", help="Your own reference, such as a purchase order.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="COUNT, DAMAGED, LOST, FOUND, RETURN or EXPIRED.")]
CostArgument = Annotated[str, typer.Argument(metavar="COST", help="What one unit is worth from now on, in EUR.")]
ReceivedOption = Annotated[
    list[str], typer.Option("--line", metavar="SKU:QUANTITY", help="What came in, such as LAMP-01:10; may be repeated.")
]
CorrectedOption = Annotated[
    list[str], typer.Option("--line", metavar="SKU:QUANTITY", help="Up or down, such as LAMP-01:-2; may be repeated.")
]
_LINE = re.compile(r"([^:]+):([+-]?[0-9]+)")
_AMOUNT = re.compile(rf"([0-9]+)(?:\.([0-9]{{1,{DIGITS}}}))?")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    stock = typer.Typer(help="Read, announce and receive stock, correct it, and say what it is worth.", no_args_is_help=True)
    stock.command("items", epilog="Example: atlas stock items")(items)
    stock.command("receive", epilog="Example: atlas stock receive --line LAMP-01:10 --reference PO-77")(receive)
    stock.command("adjust", epilog="Example: atlas stock adjust --line LAMP-01:-2 --reason DAMAGED --comment 'fell down'")(
        adjust
    )
    stock.command("movements", epilog="Example: atlas stock movements LAMP-01")(movements)
    stock.command("cost", epilog="Example: atlas stock cost LAMP-01 12.50")(cost)
    stock.command("announce", epilog="Example: atlas stock announce PO-77 2030-01-31T12:00:00Z --line LAMP-01:20")(announce)
    stock.command("availability", epilog="Example: atlas stock availability --line LAMP-01:3")(availability)
    app.add_typer(stock, name="stock")


def items(limit: LimitOption = 20, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List items with their stock, newest first."""
    show_found(_keeper(home).first("/v1/inventory/items", "items", limit), ITEM, as_json, empty="no items")


def receive(
    line: ReceivedOption,
    reference: ReferenceOption = "atlas-stock",
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Receive stock; orders that wait for it are served first."""
    body = {"reference": reference, "lines": [parse_units(text) for text in line]}
    _show_change(_keeper(home).post("/v1/inventory/receipts", body, key), "receipt_id", as_json)


def adjust(
    line: CorrectedOption,
    reason: ReasonOption,
    comment: CommentOption = "",
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Correct stock, all lines or none; never below what is held for orders."""
    body = {"reason": reason, "comment": comment, "lines": [parse_units(text) for text in line]}
    _show_change(_keeper(home).post("/v1/inventory/adjustments", body, key), "adjustment_id", as_json)


def movements(sku: SkuArgument, limit: LimitOption = 20, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the movements of an item, newest first, with the stock and its value after each."""
    found = _keeper(home).first(f"/v1/inventory/items/{sku}/movements", "movements", limit)
    show_found(found, MOVEMENT, as_json, empty="no movements")


def cost(
    sku: SkuArgument,
    amount: CostArgument,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Change the standard cost of an item; its stock is revalued at once."""
    item = _keeper(home).patch(f"/v1/inventory/items/{sku}", {"standard_cost": parse_cost(amount)}, key)
    show_found(item, ITEM, as_json)


def parse_units(text: str) -> Json:
    """Read SKU:QUANTITY."""
    found = read_pattern(_LINE, text, "write SKU:QUANTITY, such as LAMP-01:-2")
    return {"sku": found[1], "quantity": int(found[2])}


def parse_cost(text: str) -> Json:
    """Read an amount in EUR."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise CommandFailed(f"cannot read the cost {text}", "write it in EUR, such as 12.50", ExitCode.USAGE)
    units = int(found[1]) * 10**DIGITS + int((found[2] or "").ljust(DIGITS, "0"))
    return {"currency_code": CURRENCY, "minor_units": units}


def _keeper(home: HomeOption) -> Caller:
    """The one who keeps the stock."""
    return connect(home).as_user("ops")


def _show_change(change: Json, identity: str, as_json: bool) -> None:
    if as_json:
        show_json(change)
        return
    show_rows(change["lines"], ("sku", "quantity"), empty="nothing moved")
    completed = change["completed_order_ids"]
    print(f"{identity} {change[identity]}; completed orders: {', '.join(completed) or 'none'}")
