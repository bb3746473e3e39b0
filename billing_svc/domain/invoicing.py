"""What an order's own story does to its invoice: placed, reserved, shipped, cancelled, in whatever order it is heard."""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import facts, ledger
from billing_svc.domain.closing import settle
from billing_svc.domain.events import CreditNoteIssued, InvoiceCreated, PaymentSucceeded
from billing_svc.domain.invoice import PAYMENT_TERM, CreditedLine, CreditNote, Invoice, Terms
from billing_svc.domain.order_account import Change, Moment, OrderAccount, Shipment
from billing_svc.domain.payment import Attempt
from billing_svc.domain.refund import RefundReason
from billing_svc.domain.refunding import request_refund
from chassis.money import Money


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


def issue(account: OrderAccount, invoice_number: str, moment: Moment) -> Change:
    """Issue the invoice if everything is known, and try to be paid; an invoice over nothing is paid at once."""
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
    if invoice.total.is_zero:
        return issued.then(lambda after: _paid_with_nothing(after, invoice))
    return issued.then(lambda after: _initiate(after, terms, invoice.total, moment))


def _paid_with_nothing(account: OrderAccount, invoice: Invoice) -> Change:
    nothing = invoice.total
    event = PaymentSucceeded(account.order_id, invoice.invoice_id, None, nothing, nothing, nothing, invoice.state)
    return Change(account, (event,))


def _initiate(account: OrderAccount, terms: Terms, amount: Money, moment: Moment) -> Change:
    number = len(account.attempts) + 1
    attempt = Attempt(moment.new_id(), number, amount, terms.payment_method, next_call_time=moment.now)
    return Change(replace(account, attempts=(*account.attempts, attempt)))


def ship(account: OrderAccount, fact: facts.OrderShipped) -> Change:
    """Turn a shipment's share of the deferred revenue into sales."""
    if any(shipment.fulfillment_id == fact.fulfillment_id for shipment in account.shipments):
        return Change(account)
    shipments = (*account.shipments, Shipment(fact.fulfillment_id, fact.net))
    posted = ledger.revenue_earned(account.subject, fact.fulfillment_id, fact.net)
    return Change(replace(account, shipments=shipments), journals=posted)


def cancel(account: OrderAccount, fact: facts.OrderCancelled, credit_note_number: str, moment: Moment) -> Change:
    """Take back what was invoiced: credit what was paid, stop what is open, void the rest, and answer at rest."""
    if account.is_cancelled:
        return Change(account)
    invoice = account.invoice and replace(account.invoice, is_cancelled=True)
    attempts = tuple(replace(a, next_call_time=moment.now) if a.is_open else a for a in account.attempts)
    placed_by = account.placed_by or fact.placed_by
    change = Change(replace(account, is_cancelled=True, placed_by=placed_by, invoice=invoice, attempts=attempts))
    if invoice is not None and not invoice.paid.is_zero:
        change = change.then(lambda after: _credit(after, invoice, credit_note_number, moment))
    return change.then(settle)


def _credit(account: OrderAccount, invoice: Invoice, credit_note_number: str, moment: Moment) -> Change:
    credit_note_id = moment.new_id()
    refunds = Change(account)
    for attempt in account.attempts:
        if attempt.applied is not None:
            refunds = refunds.then(request_refund(attempt, attempt.applied, RefundReason.ORDER_CANCELLED, moment))
    note = CreditNote(
        credit_note_id=credit_note_id,
        credit_note_number=credit_note_number,
        invoice_id=invoice.invoice_id,
        net=invoice.net,
        tax=invoice.tax,
        lines=_credited_lines(account.terms),
        refund_id=next((refund.refund_id for refund in refunds.account.refunds[len(account.refunds) :]), None),
    )
    credited = ledger.Credited(note.net, note.tax, invoice.outstanding)
    issued = Change(
        replace(account, invoice=replace(invoice, credited=invoice.total), credit_notes=(*account.credit_notes, note)),
        (CreditNoteIssued(account.order_id, note),),
        ledger.credit_note_issued(account.subject, credit_note_id, credited),
    )
    return issued.then(lambda after: Change(replace(after, refunds=refunds.account.refunds), refunds.events, refunds.journals))


def _credited_lines(terms: Terms | None) -> tuple[CreditedLine, ...]:
    lines = terms.lines if terms else ()
    return tuple(CreditedLine(line.line_number, line.sku, line.quantity, line.net, line.tax) for line in lines)
