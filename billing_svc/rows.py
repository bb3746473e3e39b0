"""Accounts as rows and back: what is kept of an order, its invoice, attempts, refunds and credit notes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing_svc.domain.closed import Closing, ClosingOutcome
from billing_svc.domain.dunning import Dunning
from billing_svc.domain.invoice import (
    CreditedLine,
    CreditNote,
    CreditNoteKind,
    CreditReason,
    Invoice,
    Line,
    LineCancellation,
    Person,
    Terms,
    VoidReason,
)
from billing_svc.domain.order_account import OrderAccount, Shipment
from billing_svc.domain.payment import Attempt
from billing_svc.domain.provider_call import DeclineKind
from billing_svc.domain.refund import Refund, RefundReason
from chassis.money import Money
from chassis.store import Columns


def account_columns(account: OrderAccount) -> Columns:
    """Write the account itself."""
    who = account.placed_by
    return {
        "placed_by_issuer": who.issuer if who else None,
        "placed_by": who.subject if who else None,
        "placed_by_username": who.username if who else None,
        "terms": terms_columns(account.terms),
        "is_reserved": account.is_reserved,
        "reservation_failure": account.reservation_failure,
        "is_cancelled": account.is_cancelled,
        "shipments": {s.fulfillment_id: _shipment_columns(s) for s in account.shipments},
        "cancellations": {each.cancellation_id: _cancellation_columns(each) for each in account.cancellations},
        "closing": _closing_columns(account.closing) if account.closing else None,
    }


def account_from(row: Any, children: list[list[Any]]) -> OrderAccount:
    """Rebuild an account from its row and those of its invoice, attempts, refunds and credit notes."""
    invoices, attempts, refunds, credit_notes = children
    who = Person(row.placed_by_issuer, row.placed_by, row.placed_by_username) if row.placed_by is not None else None
    return OrderAccount(
        order_id=row.order_id,
        placed_by=who,
        terms=terms_from(row.terms) if row.terms else None,
        is_reserved=row.is_reserved,
        reservation_failure=row.reservation_failure,
        is_cancelled=row.is_cancelled,
        invoice=invoice_from(invoices[0]) if invoices else None,
        attempts=tuple(attempt_from(r) for r in sorted(attempts, key=lambda r: r.attempt_number)),
        refunds=tuple(refund_from(r) for r in refunds),
        credit_notes=tuple(credit_note_from(r) for r in credit_notes),
        shipments=tuple(_shipment_from(key, columns) for key, columns in row.shipments.items()),
        cancellations=tuple(
            LineCancellation(key, _credited_from(lines, lines["currency_code"])) for key, lines in row.cancellations.items()
        ),
        closing=_closing_from(row.closing) if row.closing else None,
    )


def _shipment_columns(shipment: Shipment) -> Any:
    """Write a shipment; one whose lines are not known stays as it was written before lines were kept."""
    if not shipment.lines:
        return _amount(shipment.net)
    return {"currency_code": shipment.net.currency_code, "net": shipment.net.minor_units, **_credited_columns(shipment.lines)}


def _shipment_from(key: str, columns: Any) -> Shipment:
    if isinstance(columns, list):
        return Shipment(key, Money(*columns))
    currency = columns["currency_code"]
    return Shipment(key, Money(currency, columns["net"]), _credited_from(columns, currency))


def _amount(money: Money) -> list[Any]:
    return [money.currency_code, money.minor_units]


def terms_columns(terms: Terms | None) -> Columns | None:
    """Write what was ordered."""
    if terms is None:
        return None
    return {
        "customer_id": terms.customer_id,
        "currency_code": terms.currency_code,
        "payment_method": terms.payment_method,
        "place_time": terms.place_time.isoformat(),
        "lines": [_line_columns(line) for line in terms.lines],
    }


def _line_columns(line: Line) -> Columns:
    return {
        "line_number": line.line_number,
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price": line.unit_price.minor_units,
        "discount_basis_points": line.discount_basis_points,
        "tax_rate_basis_points": line.tax_rate_basis_points,
        "net": line.net.minor_units,
        "tax": line.tax.minor_units,
    }


def terms_from(columns: Columns) -> Terms:
    """Rebuild what was ordered."""
    currency = columns["currency_code"]
    lines = tuple(
        Line(**{**line, **{name: Money(currency, line[name]) for name in ("unit_price", "net", "tax")}})
        for line in columns["lines"]
    )
    place_time = datetime.fromisoformat(columns["place_time"])
    return Terms(columns["customer_id"], currency, columns["payment_method"], place_time, lines)


def _closing_columns(closing: Closing) -> Columns:
    return {
        "outcome": closing.outcome.value,
        "revision": closing.revision,
        "payment_ids": list(closing.payment_ids),
        "received": [_amount(money) for money in closing.received],
        "refunded": [_amount(money) for money in closing.refunded],
    }


def _closing_from(columns: Columns) -> Closing:
    return Closing(
        outcome=ClosingOutcome(columns["outcome"]),
        revision=columns["revision"],
        payment_ids=tuple(columns["payment_ids"]),
        received=tuple(Money(*amount) for amount in columns["received"]),
        refunded=tuple(Money(*amount) for amount in columns["refunded"]),
    )


def invoice_rows(account: OrderAccount) -> list[Columns]:
    """Write the invoice, if there is one."""
    invoice = account.invoice
    if invoice is None:
        return []
    columns = {
        "invoice_id": invoice.invoice_id,
        "order_id": account.order_id,
        "invoice_number": invoice.invoice_number,
        "customer_id": invoice.customer_id,
        "state": invoice.state.value,
        "currency_code": invoice.total.currency_code,
        "net": invoice.net.minor_units,
        "tax": invoice.tax.minor_units,
        "paid": invoice.paid.minor_units,
        "credited": invoice.credited.minor_units,
        "refunded": account.refunded_of_paid,
        "outstanding": invoice.outstanding.minor_units,
        "is_cancelled": invoice.is_cancelled,
        "is_void": invoice.is_void,
        "void_reason": invoice.void_reason.value if invoice.void_reason else None,
        "void_comment": invoice.void_comment,
        "issue_time": invoice.issue_time,
        "due_time": invoice.due_time,
    }
    return [columns]


def invoice_from(row: Any) -> Invoice:
    """Rebuild an invoice."""
    return Invoice(
        invoice_id=row.invoice_id,
        invoice_number=row.invoice_number,
        customer_id=row.customer_id,
        net=Money(row.currency_code, row.net),
        tax=Money(row.currency_code, row.tax),
        paid=Money(row.currency_code, row.paid),
        credited=Money(row.currency_code, row.credited),
        issue_time=row.issue_time,
        due_time=row.due_time,
        is_cancelled=row.is_cancelled,
        is_void=row.is_void,
        void_reason=VoidReason(row.void_reason) if row.void_reason else None,
        void_comment=row.void_comment,
    )


_ATTEMPT_FACTS = (
    *("payment_id", "payment_method", "next_call_time", "failures", "polls", "is_unknown", "is_pending", "is_lost"),
    *("is_withdrawn", "provider_reference", "exception_id", "next_attempt_time", "has_late_failure"),
)
_REFUND_FACTS = (
    *("refund_id", "payment_id", "next_call_time", "failures", "polls", "is_pending", "is_succeeded", "is_failed"),
    "provider_reference",
)


def payment_rows(account: OrderAccount) -> list[Columns]:
    """Write the attempts."""
    return [_attempt_columns(account, attempt) for attempt in account.attempts]


def _attempt_columns(account: OrderAccount, attempt: Attempt) -> Columns:
    received, applied = attempt.received, attempt.applied
    return {
        **{name: getattr(attempt, name) for name in _ATTEMPT_FACTS},
        "order_id": account.order_id,
        "invoice_id": account.subject.invoice_id,
        "attempt_number": attempt.number,
        "state": attempt.state.value,
        "failure_reason": attempt.failure_reason.value if attempt.failure_reason else None,
        "dunning_begin_time": attempt.dunning.begin_time,
        "dunning_place": attempt.dunning.place,
        "currency_code": attempt.amount.currency_code,
        "amount": attempt.amount.minor_units,
        "decline_kind": attempt.decline_kind.value if attempt.decline_kind else None,
        "received": received.minor_units if received else None,
        "received_currency_code": received.currency_code if received else None,
        "applied": applied.minor_units if applied else None,
    }


def attempt_from(row: Any) -> Attempt:
    """Rebuild an attempt."""
    return Attempt(
        number=row.attempt_number,
        dunning=Dunning(row.dunning_begin_time, row.dunning_place),
        amount=Money(row.currency_code, row.amount),
        decline_kind=DeclineKind(row.decline_kind) if row.decline_kind else None,
        received=Money(row.received_currency_code, row.received) if row.received is not None else None,
        applied=Money(row.currency_code, row.applied) if row.applied is not None else None,
        **{name: getattr(row, name) for name in _ATTEMPT_FACTS},
    )


def refund_rows(account: OrderAccount) -> list[Columns]:
    """Write the refunds."""
    return [_refund_columns(account, refund) for refund in account.refunds]


def _refund_columns(account: OrderAccount, refund: Refund) -> Columns:
    return {
        **{name: getattr(refund, name) for name in _REFUND_FACTS},
        "order_id": account.order_id,
        "state": refund.state.value,
        "reason": refund.reason.value,
        "currency_code": refund.amount.currency_code,
        "amount": refund.amount.minor_units,
    }


def refund_from(row: Any) -> Refund:
    """Rebuild a refund."""
    facts = {name: getattr(row, name) for name in _REFUND_FACTS}
    return Refund(amount=Money(row.currency_code, row.amount), reason=RefundReason(row.reason), **facts)


def credit_note_rows(account: OrderAccount) -> list[Columns]:
    """Write the credit notes."""
    return [_credit_note_columns(account, note) for note in account.credit_notes]


def _credit_note_columns(account: OrderAccount, note: CreditNote) -> Columns:
    return {
        "credit_note_id": note.credit_note_id,
        "order_id": account.order_id,
        "invoice_id": note.invoice_id,
        "credit_note_number": note.credit_note_number,
        "kind": note.kind.value,
        "reason": note.reason.value if note.reason else None,
        "comment": note.comment,
        "currency_code": note.net.currency_code,
        "net": note.net.minor_units,
        "tax": note.tax.minor_units,
        "lines": _credited_columns(note.lines),
        "refund_id": note.refund_id,
    }


def _credited_columns(lines: Iterable[CreditedLine]) -> Columns:
    return {"lines": [[ln.line_number, ln.sku, ln.quantity, ln.net.minor_units, ln.tax.minor_units] for ln in lines]}


def _credited_from(columns: Columns, currency: str) -> tuple[CreditedLine, ...]:
    return tuple(
        CreditedLine(number, sku, quantity, Money(currency, net), Money(currency, tax))
        for number, sku, quantity, net, tax in columns["lines"]
    )


def _cancellation_columns(cancellation: LineCancellation) -> Columns:
    currency = cancellation.lines[0].net.currency_code
    return {"currency_code": currency, **_credited_columns(cancellation.lines)}


def credit_note_from(row: Any) -> CreditNote:
    """Rebuild a credit note."""
    currency = row.currency_code
    return CreditNote(
        credit_note_id=row.credit_note_id,
        credit_note_number=row.credit_note_number,
        invoice_id=row.invoice_id,
        net=Money(currency, row.net),
        tax=Money(currency, row.tax),
        lines=_credited_from(row.lines, currency),
        refund_id=row.refund_id,
        kind=CreditNoteKind(row.kind),
        reason=CreditReason(row.reason) if row.reason else None,
        comment=row.comment,
    )
