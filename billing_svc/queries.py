"""The reads of invoices, payments, refunds and credit notes: SQL to response. Others' orders are not there for a caller."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from atlas.billing.v1 import credit_note_pb2, invoice_pb2, payment_pb2, refund_pb2
from billing_svc import resources
from billing_svc.tables import credit_note, invoice, order_account, payment, refund
from billing_svc.wire import enum_name
from chassis.calls import visible_to
from chassis.errors import NotFound
from chassis.paging import Pager
from chassis.world import Actor


def _select(table: sa.Table, actor: Actor, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Select what the caller may see of a table whose rows belong to orders."""
    joined = table.join(order_account, table.c.order_id == order_account.c.order_id)
    return sa.select(table, *more).select_from(joined).where(*visible_to(actor, order_account.c.placed_by))


def _one(connection: sa.Connection, statement: sa.Select[Any], what: str) -> sa.Row[Any]:
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no {what}")
    return row


def get_invoice(
    connection: sa.Connection, request: invoice_pb2.GetInvoiceRequest, actor: Actor
) -> invoice_pb2.GetInvoiceResponse:
    """Read one invoice."""
    statement = _select(invoice, actor, order_account.c.terms).where(invoice.c.invoice_id == request.invoice_id)
    row = _one(connection, statement, f"invoice {request.invoice_id}")
    return invoice_pb2.GetInvoiceResponse(invoice=resources.invoice_message(row))


def get_payment(
    connection: sa.Connection, request: payment_pb2.GetPaymentRequest, actor: Actor
) -> payment_pb2.GetPaymentResponse:
    """Read one payment attempt."""
    statement = _select(payment, actor).where(payment.c.payment_id == request.payment_id)
    row = _one(connection, statement, f"payment {request.payment_id}")
    return payment_pb2.GetPaymentResponse(payment=resources.payment_message(row))


def get_refund(connection: sa.Connection, request: refund_pb2.GetRefundRequest, actor: Actor) -> refund_pb2.GetRefundResponse:
    """Read one refund."""
    statement = _select(refund, actor).where(refund.c.refund_id == request.refund_id)
    row = _one(connection, statement, f"refund {request.refund_id}")
    return refund_pb2.GetRefundResponse(refund=resources.refund_message(row))


def get_credit_note(
    connection: sa.Connection, request: credit_note_pb2.GetCreditNoteRequest, actor: Actor
) -> credit_note_pb2.GetCreditNoteResponse:
    """Read one credit note."""
    statement = _select(credit_note, actor).where(credit_note.c.credit_note_id == request.credit_note_id)
    row = _one(connection, statement, f"credit note {request.credit_note_id}")
    return credit_note_pb2.GetCreditNoteResponse(credit_note=resources.credit_note_message(row))


class BillingLists:
    """The lists, which page; newest first."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def list_invoices(
        self, connection: sa.Connection, request: invoice_pb2.ListInvoicesRequest, actor: Actor
    ) -> invoice_pb2.ListInvoicesResponse:
        """List invoices."""
        states = [enum_name(invoice_pb2.InvoiceState, "INVOICE_STATE", state) for state in request.state]
        statement = _filtered(_select(invoice, actor, order_account.c.terms), invoice, request, states)
        rows, token = self._page(connection, statement, request, actor, invoice.c.invoice_id)
        messages = [resources.invoice_message(row) for row in rows]
        return invoice_pb2.ListInvoicesResponse(invoices=messages, next_page_token=token)

    def list_payments(
        self, connection: sa.Connection, request: payment_pb2.ListPaymentsRequest, actor: Actor
    ) -> payment_pb2.ListPaymentsResponse:
        """List payment attempts."""
        states = [enum_name(payment_pb2.PaymentState, "PAYMENT_STATE", state) for state in request.state]
        statement = _filtered(_select(payment, actor), payment, request, states)
        rows, token = self._page(connection, statement, request, actor, payment.c.payment_id)
        messages = [resources.payment_message(row) for row in rows]
        return payment_pb2.ListPaymentsResponse(payments=messages, next_page_token=token)

    def list_refunds(
        self, connection: sa.Connection, request: refund_pb2.ListRefundsRequest, actor: Actor
    ) -> refund_pb2.ListRefundsResponse:
        """List refunds."""
        states = [enum_name(refund_pb2.RefundState, "REFUND_STATE", state) for state in request.state]
        statement = _filtered(_select(refund, actor), refund, request, states)
        rows, token = self._page(connection, statement, request, actor, refund.c.refund_id)
        messages = [resources.refund_message(row) for row in rows]
        return refund_pb2.ListRefundsResponse(refunds=messages, next_page_token=token)

    def list_credit_notes(
        self, connection: sa.Connection, request: credit_note_pb2.ListCreditNotesRequest, actor: Actor
    ) -> credit_note_pb2.ListCreditNotesResponse:
        """List credit notes."""
        statement = _filtered(_select(credit_note, actor), credit_note, request, [])
        rows, token = self._page(connection, statement, request, actor, credit_note.c.credit_note_id)
        messages = [resources.credit_note_message(row) for row in rows]
        return credit_note_pb2.ListCreditNotesResponse(credit_notes=messages, next_page_token=token)

    def _page(
        self, connection: sa.Connection, statement: sa.Select[Any], request: Any, actor: Actor, key: sa.Column[Any]
    ) -> tuple[list[sa.Row[Any]], str]:
        page = self._pager.page(request, actor)
        return page.select(connection, statement, key.table.c.create_time.desc(), key.desc())


def _filtered(statement: sa.Select[Any], table: sa.Table, request: Any, states: list[str]) -> sa.Select[Any]:
    if request.HasField("order_id"):
        statement = statement.where(table.c.order_id == request.order_id)
    return statement.where(table.c.state.in_(states)) if states else statement
