"""Taking back what was invoiced: a credit note over exactly what was cancelled, and refunds of what is paid too much then."""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import ledger
from billing_svc.domain.events import CreditNoteIssued
from billing_svc.domain.invoice import CreditNote, Invoice, LineCancellation
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.refund import RefundReason
from billing_svc.domain.refunding import request_refund
from chassis.money import Money, total


def credit(
    account: OrderAccount, cancelled: LineCancellation, credit_note_number: str, reason: RefundReason, moment: Moment
) -> Change:
    """Issue a credit note over these lines, under the id of their cancellation. The account has an invoice."""
    before = account.invoice
    assert before is not None, "only what was invoiced is credited"  # noqa: S101 - narrows the type
    currency = before.total.currency_code
    net = total((line.net for line in cancelled.lines), currency)
    tax = total((line.tax for line in cancelled.lines), currency)
    invoice = replace(before, credited=before.credited + net + tax)
    refunds = _refund(replace(account, invoice=invoice), invoice, reason, moment)
    note = CreditNote(
        credit_note_id=cancelled.cancellation_id,
        credit_note_number=credit_note_number,
        invoice_id=invoice.invoice_id,
        net=net,
        tax=tax,
        lines=cancelled.lines,
        refund_id=next((refund.refund_id for refund in refunds.account.refunds[len(account.refunds) :]), None),
    )
    return Change(
        replace(refunds.account, credit_notes=(*account.credit_notes, note)),
        (CreditNoteIssued(account.order_id, note), *refunds.events),
        (
            *ledger.credit_note_issued(account.subject, note.credit_note_id, ledger.Credited(net, tax, before.outstanding)),
            *refunds.journals,
        ),
    )


def _refund(account: OrderAccount, invoice: Invoice, reason: RefundReason, moment: Moment) -> Change:
    """Give back what is paid too much now: of each payment what is left of it, the oldest first."""
    refunds = Change(account)
    left = _overpaid(account, invoice)
    for attempt in account.attempts:
        units = min(left, account.refundable(attempt))
        left -= units
        refunds = refunds.then(request_refund(attempt, Money(invoice.total.currency_code, units), reason, moment))
    return refunds


def _overpaid(account: OrderAccount, invoice: Invoice) -> int:
    kept = sum(account.refundable(attempt) for attempt in account.attempts)
    return max(0, kept - (invoice.total.minor_units - invoice.credited.minor_units))
