"""`atlas order …`: quote, place, read, cancel and ship orders from a terminal."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli.client import Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.draft import FileArgument, LineOption, read_draft, read_pattern
from cli.options import CommentOption, KeyOption, LimitOption
from cli.quote import quote
from cli.show import console, show_found, show_json, show_rows

COLUMNS = ("order_id", "state", "settlement", "customer_id", "total", "place_time")
IdArgument = Annotated[str, typer.Argument(metavar="ORDER_ID", help="The order.")]
MethodOption = Annotated[str, typer.Option("--method", help="Of an order of lines: pm_ok, pm_slow or pm_declined_hard.")]
StateOption = Annotated[list[str] | None, typer.Option("--state", help="Only orders in this state; may be repeated.")]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Only orders of this customer.")]
ReferenceOption = Annotated[str | None, typer.Option("--reference", help="Only orders with this reference of their buyer.")]
FromOption = Annotated[str | None, typer.Option("--from", help="Only orders made at 2027-03-01T00:00:00Z or later.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Only orders made before such a time.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="CUSTOMER_REQUEST, OUT_OF_STOCK, FRAUD or OTHER.")]
PartOption = Annotated[
    list[str] | None,
    typer.Option(
        "--line", metavar="LINE_NUMBER:QUANTITY", help="What is shipped, all that remains by default; may be repeated."
    ),
]
TrackingOption = Annotated[str | None, typer.Option("--tracking", help="The carrier's reference.")]
_PART = re.compile(r"([0-9]+):([0-9]+)")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    orders = typer.Typer(help="Quote, place, read, cancel and ship orders.", no_args_is_help=True)
    orders.command("quote", epilog="Example: atlas order quote order.json")(quote)
    orders.command("place", epilog="Example: atlas order place --line LAMP-01:3:19.99 --method pm_ok")(place)
    orders.command("get", epilog="Example: atlas order get ORDER_ID")(get)
    orders.command("list", epilog="Example: atlas order list --state BACKORDERED --customer cust-1001")(list_orders)
    orders.command("cancel", epilog="Example: atlas order cancel ORDER_ID --reason CUSTOMER_REQUEST")(cancel)
    orders.command("cancel-remaining", epilog="Example: atlas order cancel-remaining ORDER_ID --reason OUT_OF_STOCK")(
        cancel_remaining
    )
    orders.command("fulfill", epilog="Example: atlas order fulfill ORDER_ID --line 1:2 --tracking TRACK-1")(fulfill)
    app.add_typer(orders, name="order")


def place(
    file: FileArgument = None,
    line: LineOption = None,
    method: MethodOption = "pm_ok",
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Place an order as the buyer."""
    _show(connect(home).as_user("buyer").post("/v1/orders", read_draft(file, line, method), key), as_json)


def get(order_id: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show one order."""
    _show(connect(home).as_user("ops").get(f"/v1/orders/{order_id}"), as_json)


def list_orders(
    state: StateOption = None,
    customer: CustomerOption = None,
    reference: ReferenceOption = None,
    made_from: FromOption = None,
    made_to: ToOption = None,
    limit: LimitOption = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List orders, newest first; all that is asked for has to hold."""
    asked = {"state": state, "customer_id": customer, "client_reference": reference}
    asked |= {"create_time_from": made_from, "create_time_to": made_to}
    found = connect(home).as_user("ops").first("/v1/orders", "orders", limit, **asked)
    show_found(found, COLUMNS, as_json, empty="no orders")


def cancel(
    order_id: IdArgument,
    reason: ReasonOption = "CUSTOMER_REQUEST",
    comment: CommentOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Cancel an order before its first shipment."""
    body = {"reason": reason, "comment": comment}
    _show(connect(home).as_user("ops").post(f"/v1/orders/{order_id}/cancel", body), as_json)


def cancel_remaining(
    order_id: IdArgument,
    reason: ReasonOption = "CUSTOMER_REQUEST",
    comment: CommentOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Cancel what remains of an order that was shipped in part."""
    body = {"reason": reason, "comment": comment}
    _show(connect(home).as_user("ops").post(f"/v1/orders/{order_id}/cancel-remaining", body), as_json)


def fulfill(
    order_id: IdArgument,
    line: PartOption = None,
    tracking: TrackingOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Ship a confirmed order, or a part of it."""
    body: Json = {"lines": [parse_part(text) for text in line or ()]} | ({"tracking_reference": tracking} if tracking else {})
    shipped = connect(home).as_user("ops").post(f"/v1/orders/{order_id}/fulfillments", body)
    if as_json:
        show_json(shipped)
    else:
        show_rows(shipped["lines"], ("line_number", "sku", "quantity", "net", "tax"), empty="nothing shipped")


def parse_part(text: str) -> Json:
    """Read LINE_NUMBER:QUANTITY."""
    found = read_pattern(_PART, text, "write LINE_NUMBER:QUANTITY, such as 1:2")
    return {"line_number": int(found[1]), "quantity": int(found[2])}


def _show(order: Json, as_json: bool) -> None:
    if as_json:
        show_json(order)
        return
    show_rows([order], COLUMNS, empty="no order")
    print("facts: " + ", ".join(f"{name} {value}" for name, value in order["facts"].items()))
    console.print(f"[dim]follow it: atlas saga show {order['order_id']} --follow[/]", soft_wrap=True)
