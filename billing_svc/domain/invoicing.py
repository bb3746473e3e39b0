"""What an order's own story does to its invoice: placed, reserved, shipped, cancelled, in whatever order it is heard."""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import facts, ledger
from billing_svc.domain.closing import settle
from billing_svc.domain.collecting import begin
from billing_svc.domain.crediting import Note, credit, refund_overpaid
from billing_svc.domain.dunning import Dunning
from billing_svc.domain.events import InvoiceCreated, PaymentSucceeded
from billing_svc.domain.invoice import PAYMENT_TERM, CreditedLine, Invoice, Terms
from billing_svc.domain.order_account import Change, Moment, OrderAccount, Shipment
from billing_svc.domain.refund import RefundReason


def place(account: OrderAccount, fact: facts.OrderPlaced) -> OrderAccount:
    """Learn what was ordered; of an order known as cancelled too, so that it can be shown."""
    if account.terms is not None:
        return account
    return replace(account, terms=fact.terms, placed_by=fact.placed_by)


def reserve(account: OrderAccount) -> OrderAccount:
    """Learn that everything is held for the order."""
    return account if account.is_reserved else replace(account, is_reserved=True)


def note_reservation_failure(account: OrderAccount, reason: str) -> OrderAccount:
    """Note why there is nothing to invoice yet."""
    return account if account.reservation_failure == reason else replace(account, reservation_failure=reason)


def issue(account: OrderAccount, invoice_number: str, credit_note_number: str, moment: Moment) -> Change:
    """Issue the invoice if everything is known, and try to be paid; where nothing is owed it is paid at once.

    Lines whose cancellation was heard before are credited at once, under the credit note number.
    """
    terms = account.terms
    if terms is None or not account.may_be_invoiced:
        return Change(account)
    nothing = terms.net.zero()
    invoice = Invoice(
        invoice_id=moment.new_id(),
        invoice_number=invoice_number,
        customer_id=terms.customer_id,
        net=terms.net,
        tax=terms.tax,
        paid=nothing,
        credited=nothing,
        issue_time=moment.now,
        due_time=moment.now + PAYMENT_TERM,
    )
    issued = Change(
        replace(account, invoice=invoice),
        (InvoiceCreated(account.order_id, invoice),),
        ledger.invoice_issued(account.order_id, invoice.invoice_id, invoice.net, invoice.tax),
    )
    credited = issued.then(lambda after: credit_lines(after, credit_note_number, moment))
    return credited.then(lambda after: _collect(after, terms, moment)).then(settle)


def _collect(account: OrderAccount, terms: Terms, moment: Moment) -> Change:
    invoice = account.invoice
    assert invoice is not None, "it has just been issued"  # noqa: S101 - narrows the type
    owed = invoice.outstanding
    if owed.is_zero:
        return Change(
            account,
            (PaymentSucceeded(account.order_id, invoice.invoice_id, None, owed, owed, owed, invoice.state),),
        )
    return begin(account, terms.payment_method, Dunning(moment.now), moment)


def ship(account: OrderAccount, fact: facts.OrderShipped) -> Change:
    """Turn a shipment's share of the deferred revenue into sales."""
    if any(shipment.fulfillment_id == fact.fulfillment_id for shipment in account.shipments):
        return Change(account)
    shipments = (*account.shipments, Shipment(fact.fulfillment_id, fact.net, fact.lines))
    posted = ledger.revenue_earned(account.subject, fact.fulfillment_id, fact.net)
    return Change(replace(account, shipments=shipments), journals=posted)


def cancel(account: OrderAccount, fact: facts.OrderCancelled, credit_note_number: str, moment: Moment) -> Change:
    """Take back what was invoiced: credit what was paid, stop what is open, void the rest, and answer at rest."""
    if account.is_cancelled:
        return Change(account)
    invoice = account.invoice and replace(account.invoice, is_cancelled=True)
    placed_by = account.placed_by or fact.placed_by
    stopped = account.with_attempts_stopped(moment.now)
    change = Change(replace(stopped, is_cancelled=True, placed_by=placed_by, invoice=invoice))
    if invoice is not None and not invoice.paid.is_zero:
        whole = Note(moment.new_id(), credit_note_number, _all_lines(account.terms))
        change = change.then(lambda after: credit(after, whole, refund_overpaid(RefundReason.ORDER_CANCELLED, moment)))
    return change.then(settle)


def _all_lines(terms: Terms | None) -> tuple[CreditedLine, ...]:
    lines = terms.lines if terms else ()
    return tuple(CreditedLine(line.line_number, line.sku, line.quantity, line.net, line.tax) for line in lines)


def cancel_lines(account: OrderAccount, fact: facts.OrderLinesCancelled, credit_note_number: str, moment: Moment) -> Change:
    """Take back what was invoiced for lines that will not be shipped, and answer at rest.

    A cancellation that is heard before there is an invoice waits for it.
    """
    known = {cancellation.cancellation_id for cancellation in account.cancellations}
    if fact.cancellation.cancellation_id in known or account.is_cancelled:
        return Change(account)
    told = replace(account, cancellations=(*account.cancellations, fact.cancellation))
    return credit_lines(told, credit_note_number, moment).then(settle)


def credit_lines(account: OrderAccount, credit_note_number: str, moment: Moment) -> Change:
    """Issue the credit note for cancelled lines, once there is an invoice to credit."""
    cancelled = account.uncredited
    if cancelled is None or account.invoice is None:
        return Change(account)
    note = Note(cancelled.cancellation_id, credit_note_number, cancelled.lines)
    return credit(account, note, refund_overpaid(RefundReason.LINES_CANCELLED, moment))
