"""`atlas refund …`: refunds from a terminal, and those that failed tried again."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.client import connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.options import KeyOption, LimitOption
from cli.show import show_found

REFUND = ("refund_id", "payment_id", "order_id", "state", "amount", "reason", "failed_tries", "next_attempt_time")
IdArgument = Annotated[str, typer.Argument(metavar="REFUND_ID", help="The refund.")]
OrderOption = Annotated[str | None, typer.Option("--order", metavar="ORDER_ID", help="Only refunds for this order.")]
StateOption = Annotated[list[str] | None, typer.Option("--state", help="Only refunds in this state; may be repeated.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    refunds = typer.Typer(help="Read refunds, and try those again that failed.", no_args_is_help=True)
    refunds.command("list", epilog="Example: atlas refund list --state FAILED")(list_refunds)
    refunds.command("retry", epilog="Example: atlas refund retry REFUND_ID")(retry)
    app.add_typer(refunds, name="refund")


def list_refunds(
    order: OrderOption = None,
    state: StateOption = None,
    limit: LimitOption = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List refunds, newest first."""
    found = connect(home).as_user("finance").first("/v1/refunds", "refunds", limit, order_id=order, state=state)
    show_found(found, REFUND, as_json, empty="no refunds")


def retry(refund_id: IdArgument, key: KeyOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Try a refund again that failed in every try."""
    show_found(connect(home).as_user("finance").post(f"/v1/refunds/{refund_id}/retry", {}, key), REFUND, as_json)
