"""Where the commands' requests and answers meet the domain of billing."""

from __future__ import annotations

from typing import Any

from atlas.billing.v1 import credit_note_pb2, invoice_pb2, payment_pb2, refund_pb2
from billing_svc import resources
from billing_svc.domain.commands import CreateCreditNote, PayInvoice, RefundPayment, ResolvePayment, RetryRefund, VoidInvoice
from billing_svc.domain.invoice import CreditReason, VoidReason
from billing_svc.wire import enum_name
from chassis.values import money


def pay_invoice(request: payment_pb2.PayInvoiceRequest) -> PayInvoice:
    """Read a request to pay an invoice."""
    return PayInvoice(request.invoice_id, request.payment_method)


def void_invoice(request: invoice_pb2.VoidInvoiceRequest) -> VoidInvoice:
    """Read a request to void an invoice."""
    reason = VoidReason(enum_name(invoice_pb2.VoidReason, "VOID_REASON", request.reason))
    expected = request.expected_version if request.HasField("expected_version") else None
    return VoidInvoice(request.invoice_id, reason, request.comment, expected)


def create_credit_note(request: credit_note_pb2.CreateCreditNoteRequest) -> CreateCreditNote:
    """Read a request to credit units."""
    units = {line.line_number: line.quantity for line in request.lines}
    return CreateCreditNote(request.invoice_id, _credit_reason(request.reason), request.comment, units)


def refund_payment(request: payment_pb2.RefundPaymentRequest) -> RefundPayment:
    """Read a request to give money back."""
    return RefundPayment(request.payment_id, money(request.amount), _credit_reason(request.reason), request.comment)


def resolve_payment(request: payment_pb2.ResolvePaymentRequest) -> ResolvePayment:
    """Read a request to ask the provider."""
    return ResolvePayment(request.payment_id)


def retry_refund(request: refund_pb2.RetryRefundRequest) -> RetryRefund:
    """Read a request to try a refund again."""
    return RetryRefund(request.refund_id)


def _credit_reason(reason: int) -> CreditReason:
    return CreditReason(enum_name(credit_note_pb2.CreditReason, "CREDIT_REASON", reason))


def paid(row: Any) -> payment_pb2.PayInvoiceResponse:
    """Answer PayInvoice."""
    return payment_pb2.PayInvoiceResponse(payment=resources.payment_message(row))


def voided(row: Any) -> invoice_pb2.VoidInvoiceResponse:
    """Answer VoidInvoice."""
    return invoice_pb2.VoidInvoiceResponse(invoice=resources.invoice_message(row))


def credited(row: Any) -> credit_note_pb2.CreateCreditNoteResponse:
    """Answer CreateCreditNote."""
    return credit_note_pb2.CreateCreditNoteResponse(credit_note=resources.credit_note_message(row))


def refunded(row: Any) -> payment_pb2.RefundPaymentResponse:
    """Answer RefundPayment."""
    return payment_pb2.RefundPaymentResponse(refund=resources.refund_message(row))


def resolved(row: Any) -> payment_pb2.ResolvePaymentResponse:
    """Answer ResolvePayment."""
    return payment_pb2.ResolvePaymentResponse(payment=resources.payment_message(row))


def retried(row: Any) -> refund_pb2.RetryRefundResponse:
    """Answer RetryRefund."""
    return refund_pb2.RetryRefundResponse(refund=resources.refund_message(row))
