"""Rows as the resources a client sees."""

from __future__ import annotations

from typing import Any

from atlas.billing.v1 import credit_note_pb2, invoice_pb2, payment_events_pb2, payment_pb2, refund_pb2
from atlas.common.v1.money_pb2 import Money as MoneyMessage
from billing_svc import rows
from billing_svc.domain.invoice import Line
from billing_svc.wire import credited_lines, enum_value
from chassis.values import money_message, time_message


def _amount(row: Any, name: str) -> MoneyMessage:
    return MoneyMessage(currency_code=row.currency_code, minor_units=getattr(row, name))


def _row(row: Any) -> dict[str, Any]:
    """What every resource says of its row."""
    return {
        "version": row.version,
        "create_time": time_message(row.create_time),
        "update_time": time_message(row.update_time),
    }


def invoice_message(row: Any) -> invoice_pb2.Invoice:
    """Write an invoice; the row carries the terms of its order."""
    amounts: dict[str, Any] = {
        name: _amount(row, name) for name in ("net", "tax", "paid", "credited", "refunded", "outstanding")
    }
    return invoice_pb2.Invoice(
        invoice_id=row.invoice_id,
        invoice_number=row.invoice_number,
        order_id=row.order_id,
        customer_id=row.customer_id,
        state=enum_value(invoice_pb2.InvoiceState, "INVOICE_STATE", row.state),
        lines=[_line(line) for line in rows.terms_from(row.terms).lines],
        total=MoneyMessage(currency_code=row.currency_code, minor_units=row.net + row.tax),
        issue_time=time_message(row.issue_time),
        due_time=time_message(row.due_time),
        **amounts,
        **_row(row),
    )


def _line(line: Line) -> invoice_pb2.InvoiceLine:
    return invoice_pb2.InvoiceLine(
        line_number=line.line_number,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=money_message(line.unit_price),
        discount_basis_points=line.discount_basis_points,
        tax_rate_basis_points=line.tax_rate_basis_points,
        net=money_message(line.net),
        tax=money_message(line.tax),
        total=money_message(line.net + line.tax),
    )


def payment_message(row: Any) -> payment_pb2.Payment:
    """Write a payment attempt."""
    kind = enum_value(payment_pb2.DeclineKind, "DECLINE_KIND", row.decline_kind) if row.decline_kind else None
    return payment_pb2.Payment(
        payment_id=row.payment_id,
        invoice_id=row.invoice_id,
        order_id=row.order_id,
        attempt_number=row.attempt_number,
        state=enum_value(payment_pb2.PaymentState, "PAYMENT_STATE", row.state),
        decline_kind=kind,
        amount=_amount(row, "amount"),
        payment_method=row.payment_method,
        provider_reference=row.provider_reference,
        failure_reason=_failure(row.failure_reason),
        next_attempt_time=time_message(row.next_attempt_time) if row.next_attempt_time else None,
        received=_received(row.received, row.received_currency_code),
        applied=_received(row.applied, row.currency_code),
        anomalies=[payment_pb2.PAYMENT_ANOMALY_LATE_FAILURE] if row.has_late_failure else [],
        **_row(row),
    )


def _failure(reason: str | None) -> Any:
    return enum_value(payment_events_pb2.PaymentFailureReason, "PAYMENT_FAILURE_REASON", reason) if reason else None


def _received(minor_units: int | None, currency_code: str) -> MoneyMessage | None:
    return None if minor_units is None else MoneyMessage(currency_code=currency_code, minor_units=minor_units)


def refund_message(row: Any) -> refund_pb2.Refund:
    """Write a refund."""
    return refund_pb2.Refund(
        refund_id=row.refund_id,
        payment_id=row.payment_id,
        order_id=row.order_id,
        state=enum_value(refund_pb2.RefundState, "REFUND_STATE", row.state),
        amount=_amount(row, "amount"),
        reason=enum_value(refund_pb2.RefundReason, "REFUND_REASON", row.reason),
        provider_reference=row.provider_reference,
        next_attempt_time=time_message(row.next_call_time) if row.next_call_time else None,
        failed_tries=row.failures,
        **_row(row),
    )


def credit_note_message(row: Any) -> credit_note_pb2.CreditNote:
    """Write a credit note."""
    return credit_note_pb2.CreditNote(
        credit_note_id=row.credit_note_id,
        credit_note_number=row.credit_note_number,
        invoice_id=row.invoice_id,
        order_id=row.order_id,
        kind=enum_value(credit_note_pb2.CreditNoteKind, "CREDIT_NOTE_KIND", row.kind),
        lines=credited_lines(rows.credit_note_from(row)),
        net=_amount(row, "net"),
        tax=_amount(row, "tax"),
        total=MoneyMessage(currency_code=row.currency_code, minor_units=row.net + row.tax),
        refund_id=row.refund_id,
        reason=enum_value(credit_note_pb2.CreditReason, "CREDIT_REASON", row.reason) if row.reason else None,
        comment=row.comment,
        **_row(row),
    )
