"""`atlas backorder …` and `atlas stock …`: who waits, what they may expect, and what an operator does about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.draft import read_pattern
from cli.options import CommentOption, LimitOption
from cli.show import show_found, show_json, show_rows

QUEUE = (
    *("queue_position", "order_id", "sku", "quantity_missing", "priority", "waiting_seconds"),
    *("expected_time", "mutual_hold_with"),
)
HELD = ("order_id", "state", "priority", "waits_whole", "version")
IdArgument = Annotated[str, typer.Argument(metavar="ORDER_ID", help="The order that waits.")]
PriorityArgument = Annotated[int, typer.Argument(metavar="PRIORITY", min=0, max=9, help="0 to 9; the highest is served first.")]
SkuOption = Annotated[str | None, typer.Option("--sku", help="Only lines that wait for this item.")]
ReferenceArgument = Annotated[str, typer.Argument(metavar="REFERENCE", help="Your reference, such as PO-77.")]
TimeArgument = Annotated[str, typer.Argument(metavar="TIME", help="When it should come, such as 2030-01-31T12:00:00Z.")]
UnitsOption = Annotated[list[str], typer.Option("--line", metavar="SKU:QUANTITY", help="Units of an item; may be repeated.")]
_UNITS = re.compile(r"([^:]+):([0-9]+)")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    backorders = typer.Typer(
        help="Orders that wait for stock: list them, move them, release what they hold.", no_args_is_help=True
    )
    backorders.command("list", epilog="Example: atlas backorder list --sku LAMP-01")(list_backorders)
    backorders.command("prioritize", epilog="Example: atlas backorder prioritize ORDER_ID 5")(prioritize)
    backorders.command("release", epilog="Example: atlas backorder release ORDER_ID --comment 'completes another'")(release)
    app.add_typer(backorders, name="backorder")


def list_backorders(
    sku: SkuOption = None, limit: LimitOption = 20, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """List the lines that wait, by item and in queue order."""
    found = connect(home).as_user("ops").first("/v1/inventory/backorders", "backorders", limit, sku=sku)
    show_found(found, QUEUE, as_json, empty="nobody waits")


def prioritize(
    order_id: IdArgument,
    priority: PriorityArgument,
    comment: CommentOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give a waiting order another place in its queues; what others hold stays theirs."""
    _command(home, f"/v1/inventory/backorders/{order_id}/prioritize", {"priority": priority, "comment": comment}, as_json)


def release(
    order_id: IdArgument, comment: CommentOption = "", home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Give back what a waiting order holds; it takes stock again only when that completes it."""
    _command(home, f"/v1/inventory/backorders/{order_id}/release-held", {"comment": comment}, as_json)


def announce(
    reference: ReferenceArgument,
    expected_time: TimeArgument,
    line: UnitsOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say what stock should come, and when; the receipt with the same reference closes it."""
    body = {"reference": reference, "expected_time": expected_time, "lines": [parse_units(text) for text in line]}
    announced = connect(home).as_user("ops").post("/v1/inventory/announcements", body)
    show_found(announced, ("announcement_id", "reference", "state", "expected_time"), as_json)


def availability(line: UnitsOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show what a new order would hold at once, and when the rest should come."""
    answer = connect(home).as_user("buyer").post("/v1/inventory/availability", {"lines": [parse_units(text) for text in line]})
    if as_json:
        show_json(answer)
    else:
        show_rows(answer["lines"], ("sku", "quantity", "available_now", "expected_time"), empty="no lines")


def _command(home: Path, path: str, body: Json, as_json: bool) -> None:
    reservation = connect(home).as_user("ops").post(path, body)
    if as_json:
        show_json(reservation)
        return
    show_rows([reservation], HELD, empty="no reservation")
    show_rows(reservation["lines"], ("line_number", "sku", "quantity", "held", "shipped"), empty="no lines")


def parse_units(text: str) -> Json:
    """Read SKU:QUANTITY."""
    found = read_pattern(_UNITS, text, "write SKU:QUANTITY, such as LAMP-01:3")
    return {"sku": found[1], "quantity": int(found[2])}
