"""`atlas invoice …`: invoices from a terminal: read, on paper, paid, voided, credited."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, connect
from cli.connection import DEFAULT_HOME, HomeOption, JsonOption
from cli.exits import CommandFailed, ExitCode
from cli.options import CommentOption, KeyOption, LimitOption
from cli.order import parse_part
from cli.payment import PAYMENT
from cli.show import show_found, show_json, show_rows

INVOICE = ("invoice_id", "invoice_number", "order_id", "state", "total", "paid", "credited", "outstanding", "due_time")
LINE = ("line_number", "sku", "quantity", "unit_price", "discount_basis_points", "tax_rate_basis_points", "net", "tax", "total")
CREDIT_NOTE = ("credit_note_id", "credit_note_number", "kind", "net", "tax", "total", "refund_id")
IdArgument = Annotated[str, typer.Argument(metavar="INVOICE_ID", help="The invoice.")]
OrderOption = Annotated[str | None, typer.Option("--order", metavar="ORDER_ID", help="Only the invoice of this order.")]
StateOption = Annotated[list[str] | None, typer.Option("--state", help="Only invoices in this state; may be repeated.")]
MethodOption = Annotated[str, typer.Option("--method", help="How to pay, such as pm_ok.")]
VoidReasonOption = Annotated[str, typer.Option("--reason", help="DUPLICATE, BILLING_ERROR or CUSTOMER_REQUEST.")]
CreditReasonOption = Annotated[str, typer.Option("--reason", help="DAMAGED, RETURNED, LATE, NOT_AS_DESCRIBED or GOODWILL.")]
UnitsArgument = Annotated[
    list[str], typer.Argument(metavar="LINE_NUMBER:QUANTITY...", help="What is credited: units that were shipped.")
]
OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="The file; the invoice's number by default, - is stdout.")
]


class Format(StrEnum):
    """As what a document is written."""

    PDF = "pdf"
    HTML = "html"


FormatOption = Annotated[Format, typer.Option("--format", help="As what.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    invoices = typer.Typer(help="Read invoices, print, pay, void and credit them.", no_args_is_help=True)
    invoices.command("list", epilog="Example: atlas invoice list --state OPEN")(list_invoices)
    invoices.command("show", epilog="Example: atlas invoice show INVOICE_ID")(show)
    invoices.command("document", epilog="Example: atlas invoice document INVOICE_ID --format html -o invoice.html")(document)
    invoices.command("pay", epilog="Example: atlas invoice pay INVOICE_ID --method pm_ok")(pay)
    invoices.command("void", epilog="Example: atlas invoice void INVOICE_ID --reason DUPLICATE --comment 'ordered twice'")(void)
    invoices.command("credit", epilog="Example: atlas invoice credit INVOICE_ID 1:2 --reason DAMAGED")(credit)
    app.add_typer(invoices, name="invoice")


def list_invoices(
    order: OrderOption = None,
    state: StateOption = None,
    limit: LimitOption = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List invoices, newest first."""
    found = connect(home).as_user("finance").first("/v1/invoices", "invoices", limit, order_id=order, state=state)
    show_found(found, INVOICE, as_json, empty="no invoices")


def show(invoice_id: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show one invoice with its lines."""
    _show(connect(home).as_user("finance").get(f"/v1/invoices/{invoice_id}"), as_json)


def document(
    invoice_id: IdArgument,
    format: FormatOption = Format.PDF,
    output: OutputOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write an invoice as a PDF or a page of HTML."""
    finance, path = connect(home).as_user("finance"), f"/v1/invoices/{invoice_id}"
    content: bytes = finance.get(f"{path}/document", format=format.name)
    if output == "-":
        sys.stdout.buffer.write(content)
        return
    name = output or f"{finance.get(path)['invoice_number']}.{format.value}"
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"cannot write {name}: {error.strerror}", "name another file: -o FILE", ExitCode.USAGE) from error
    print(name)


def pay(
    invoice_id: IdArgument,
    method: MethodOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Pay what is owed on an invoice, with any method; the outcome follows."""
    paying = connect(home).as_user("finance").post(f"/v1/invoices/{invoice_id}/payments", {"payment_method": method}, key)
    if as_json:
        show_json(paying)
        return
    show_rows([paying], PAYMENT, empty="no payment")
    print(f"see what became of it: atlas payment show {paying['payment_id']}")


def void(
    invoice_id: IdArgument,
    reason: VoidReasonOption,
    comment: CommentOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Void an invoice on which nothing was paid; its order is cancelled by that."""
    body = {"reason": reason, "comment": comment}
    _show(connect(home).as_user("finance").post(f"/v1/invoices/{invoice_id}/void", body, key), as_json)


def credit(
    invoice_id: IdArgument,
    units: UnitsArgument,
    reason: CreditReasonOption,
    comment: CommentOption = "",
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Credit units that were shipped, and give back what is paid too much then."""
    body: Json = {"reason": reason, "comment": comment, "lines": [parse_part(text) for text in units]}
    note = connect(home).as_user("finance").post(f"/v1/invoices/{invoice_id}/credit-notes", body, key)
    if as_json:
        show_json(note)
        return
    show_rows([note], CREDIT_NOTE, empty="no credit note")
    show_rows(note["lines"], ("line_number", "sku", "quantity", "net", "tax", "total"), empty="no lines")


def _show(invoice: Json, as_json: bool) -> None:
    if as_json:
        show_json(invoice)
        return
    show_rows([invoice], INVOICE, empty="no invoice")
    show_rows(invoice["lines"], LINE, empty="no lines")
