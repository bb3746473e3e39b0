"""`atlas payment …`: payment attempts from a terminal: read, asked about, given back."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.client import connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.options import CommentOption, KeyOption, LimitOption
from cli.price import parse_price
from cli.refund import REFUND
from cli.show import show_found

PAYMENT = (
    *("payment_id", "invoice_id", "attempt_number", "state", "decline_kind", "amount", "received", "applied"),
    *("payment_method", "next_attempt_time"),
)
IdArgument = Annotated[str, typer.Argument(metavar="PAYMENT_ID", help="The payment.")]
AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="How much, in the payment's currency, such as 19.99.")]
OrderOption = Annotated[str | None, typer.Option("--order", metavar="ORDER_ID", help="Only payments for this order.")]
StateOption = Annotated[list[str] | None, typer.Option("--state", help="Only payments in this state; may be repeated.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="DAMAGED, RETURNED, LATE, NOT_AS_DESCRIBED or GOODWILL.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    payments = typer.Typer(help="Read payments, ask about them, give them back.", no_args_is_help=True)
    payments.command("list", epilog="Example: atlas payment list --state UNKNOWN")(list_payments)
    payments.command("show", epilog="Example: atlas payment show PAYMENT_ID")(show)
    payments.command("resolve", epilog="Example: atlas payment resolve PAYMENT_ID")(resolve)
    payments.command("refund", epilog="Example: atlas payment refund PAYMENT_ID 19.99 --reason GOODWILL")(refund)
    app.add_typer(payments, name="payment")


def list_payments(
    order: OrderOption = None,
    state: StateOption = None,
    limit: LimitOption = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List payment attempts, newest first."""
    found = connect(home).as_user("finance").first("/v1/payments", "payments", limit, order_id=order, state=state)
    show_found(found, PAYMENT, as_json, empty="no payments")


def show(payment_id: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show one payment attempt."""
    show_found(connect(home).as_user("finance").get(f"/v1/payments/{payment_id}"), PAYMENT, as_json)


def resolve(
    payment_id: IdArgument, key: KeyOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Ask the provider now what became of a payment whose outcome is open."""
    show_found(connect(home).as_user("finance").post(f"/v1/payments/{payment_id}/resolve", {}, key), PAYMENT, as_json)


def refund(
    payment_id: IdArgument,
    amount: AmountArgument,
    reason: ReasonOption,
    comment: CommentOption = "",
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give a part of a payment back: at most what was shipped and is not yet credited. A credit note says so."""
    finance = connect(home).as_user("finance")
    payment = finance.get(f"/v1/payments/{payment_id}")
    currency = (payment.get("received") or payment["amount"])["currency_code"]
    body = {"amount": parse_price(amount, currency), "reason": reason, "comment": comment}
    show_found(finance.post(f"/v1/payments/{payment_id}/refunds", body, key), REFUND, as_json)
