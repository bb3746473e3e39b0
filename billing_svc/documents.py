"""Invoices and credit notes as documents: what is read of them, and the file that is made of it."""

from __future__ import annotations

import sqlalchemy as sa
from google.api.httpbody_pb2 import HttpBody

from atlas.billing.v1 import credit_note_pb2, document_pb2, invoice_pb2
from billing_svc import html_document, queries
from billing_svc.amounts import figures, sum_of_money
from billing_svc.document import Column, Document, Fact, day, percent, plain, words
from billing_svc.wire import enum_name
from chassis.values import money, time
from chassis.world import Actor

PDF, HTML = "application/pdf", "text/html; charset=utf-8"
_INVOICE_COLUMNS = (
    *(Column("No."), Column("SKU", is_words=True), Column("Quantity"), Column("Unit price"), Column("Discount")),
    *(Column("Tax rate"), Column("Net"), Column("Tax"), Column("Total")),
)
_CREDIT_NOTE_COLUMNS = (
    *(Column("No."), Column("SKU", is_words=True), Column("Quantity"), Column("Net"), Column("Tax"), Column("Total")),
)


def get_invoice_document(
    connection: sa.Connection, request: invoice_pb2.GetInvoiceDocumentRequest, actor: Actor
) -> invoice_pb2.GetInvoiceDocumentResponse:
    """Write an invoice that the caller may see."""
    asked = invoice_pb2.GetInvoiceRequest(invoice_id=request.invoice_id)
    invoice = queries.get_invoice(connection, asked, actor).invoice
    return invoice_pb2.GetInvoiceDocumentResponse(document=_file(invoice_document(invoice), request.format))


def get_credit_note_document(
    connection: sa.Connection, request: credit_note_pb2.GetCreditNoteDocumentRequest, actor: Actor
) -> credit_note_pb2.GetCreditNoteDocumentResponse:
    """Write a credit note that the caller may see."""
    asked = credit_note_pb2.GetCreditNoteRequest(credit_note_id=request.credit_note_id)
    note = queries.get_credit_note(connection, asked, actor).credit_note
    of_invoice = invoice_pb2.GetInvoiceRequest(invoice_id=note.invoice_id)
    invoice = queries.get_invoice(connection, of_invoice, actor).invoice
    document = credit_note_document(note, invoice)
    return credit_note_pb2.GetCreditNoteDocumentResponse(document=_file(document, request.format))


def _file(document: Document, format: int) -> HttpBody:
    if format == document_pb2.DOCUMENT_FORMAT_HTML:
        return HttpBody(content_type=HTML, data=html_document.write(document))
    from billing_svc import pdf_document  # not before somebody wants a PDF: fpdf2 takes a second and 40 MB

    return HttpBody(content_type=PDF, data=pdf_document.write(document))


def invoice_document(invoice: invoice_pb2.Invoice) -> Document:
    """Say in plain texts what stands on an invoice."""
    issue_time = time(invoice.issue_time)
    return Document(
        title=f"Invoice {invoice.invoice_number}",
        issue_time=issue_time,
        facts=(
            ("Number", invoice.invoice_number),
            ("Issue date", day(issue_time)),
            ("Due date", day(time(invoice.due_time))),
            ("Customer", invoice.customer_id),
            ("Order", invoice.order_id),
            ("State", words(enum_name(invoice_pb2.InvoiceState, "INVOICE_STATE", invoice.state))),
            ("Amounts in", invoice.total.currency_code),
        ),
        columns=_INVOICE_COLUMNS,
        rows=tuple(_invoice_row(line) for line in invoice.lines),
        totals=(*_sums(invoice), *_settled(invoice)),
    ).mapped(plain)


def _invoice_row(line: invoice_pb2.InvoiceLine) -> tuple[str, ...]:
    prices = (figures(money(line.unit_price)), percent(line.discount_basis_points), percent(line.tax_rate_basis_points))
    return (str(line.line_number), line.sku, f"{line.quantity:,}", *prices, *_amounts(line))


def credit_note_document(note: credit_note_pb2.CreditNote, invoice: invoice_pb2.Invoice) -> Document:
    """Say in plain texts what stands on a credit note, and which invoice it is for."""
    issue_time = time(note.create_time)
    return Document(
        title=f"Credit note {note.credit_note_number}",
        issue_time=issue_time,
        facts=(
            ("Number", note.credit_note_number),
            ("Issue date", day(issue_time)),
            ("Credits invoice", invoice.invoice_number),
            ("Customer", invoice.customer_id),
            ("Order", note.order_id),
            ("Kind", words(enum_name(credit_note_pb2.CreditNoteKind, "CREDIT_NOTE_KIND", note.kind))),
            *_why(note),
            ("Amounts in", note.total.currency_code),
        ),
        columns=_CREDIT_NOTE_COLUMNS,
        rows=tuple((str(ln.line_number), ln.sku, f"{ln.quantity:,}", *_amounts(ln)) for ln in note.lines),
        totals=_sums(note),
    ).mapped(plain)


def _why(note: credit_note_pb2.CreditNote) -> tuple[Fact, ...]:
    reason: tuple[Fact, ...] = ()
    if note.HasField("reason"):
        reason = (("Reason", words(enum_name(credit_note_pb2.CreditReason, "CREDIT_REASON", note.reason))),)
    return (*reason, ("Comment", note.comment)) if note.comment else reason


def _amounts(line: invoice_pb2.InvoiceLine | credit_note_pb2.CreditNoteLine) -> tuple[str, str, str]:
    return figures(money(line.net)), figures(money(line.tax)), figures(money(line.total))


def _sums(of: invoice_pb2.Invoice | credit_note_pb2.CreditNote) -> tuple[Fact, ...]:
    return (
        ("Net", sum_of_money(money(of.net))),
        ("Tax", sum_of_money(money(of.tax))),
        ("Total", sum_of_money(money(of.total))),
    )


def _settled(invoice: invoice_pb2.Invoice) -> tuple[Fact, ...]:
    return (
        ("Paid", sum_of_money(money(invoice.paid))),
        ("Credited", sum_of_money(money(invoice.credited))),
        ("Refunded", sum_of_money(money(invoice.refunded))),
        ("Outstanding", sum_of_money(money(invoice.outstanding))),
    )
