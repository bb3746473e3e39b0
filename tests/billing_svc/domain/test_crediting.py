"""Credit notes over exactly what was cancelled, and refunds of exactly what is paid too much then."""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import invoicing
from billing_svc.domain.closed import ClosingOutcome
from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.payment import Attempt
from billing_svc.domain.refund import RefundReason
from tests.billing_svc.builders import (
    CREDIT_NOTE_NUMBER,
    FULFILLMENT_ID,
    NUMBER,
    ORDER_ID,
    UNREACHABLE,
    a_moment,
    cancel,
    cancel_lines,
    entries,
    eur,
    hear,
    hear_refund,
    issue,
    lines_cancelled,
    names,
    placed,
    succeeded,
)


def _paid() -> OrderAccount:
    return hear(issue().account, succeeded()).account


def test_cancelled_lines_are_credited_and_given_back_and_nothing_else() -> None:
    change = cancel_lines(_paid())
    assert names(change) == ["CreditNoteIssued", "RefundRequested"]
    assert entries(change) == {"CREDIT_NOTE": {"2300": 1_000, "2000": 200, "2200": -1_200}}
    (note,), (refund,) = change.account.credit_notes, change.account.refunds
    assert (note.credit_note_id, note.refund_id, [line.quantity for line in note.lines]) == (
        FULFILLMENT_ID,
        refund.refund_id,
        [1],
    )
    assert (refund.amount, refund.reason) == (eur(1_200), RefundReason.LINES_CANCELLED)
    invoice = change.account.invoice
    assert invoice
    assert (invoice.state, invoice.credited, invoice.outstanding) == (InvoiceState.PAID, eur(1_200), eur(0))


def test_billing_answers_when_the_refund_has_succeeded() -> None:
    account = cancel_lines(_paid()).account
    change = hear_refund(account, succeeded())
    assert names(change) == ["RefundSucceeded", "OrderBillingClosed"]
    assert change.account.closing
    assert (change.account.closing.outcome, change.account.closing.refunded) == (ClosingOutcome.REFUNDED, (eur(1_200),))
    assert change.account.refunded_of_paid == 1_200


def test_billing_answers_when_the_refund_has_failed_and_again_when_it_succeeds() -> None:
    change = hear_refund(cancel_lines(_paid()).account, *[UNREACHABLE] * 6)
    assert names(change)[-2:] == ["RefundFailed", "OrderBillingClosed"]
    assert change.account.closing
    assert change.account.closing.outcome is ClosingOutcome.REFUND_FAILED
    after = hear_refund(change.account, succeeded()).account
    assert after.closing
    assert (after.closing.outcome, after.closing.revision) == (ClosingOutcome.REFUNDED, 2)


def test_lines_that_cost_nothing_are_answered_at_once() -> None:
    change = cancel_lines(_paid(), lines_cancelled(net=0, tax=0))
    assert names(change) == ["CreditNoteIssued", "OrderBillingClosed"]
    assert (change.journals, change.account.refunds) == ((), ())
    assert change.account.closing
    assert change.account.closing.outcome is ClosingOutcome.REFUNDED


def test_the_same_cancellation_again_changes_nothing() -> None:
    account = cancel_lines(_paid()).account
    again = cancel_lines(account)
    assert (again.account, again.events, again.journals) == (account, (), ())


def test_lines_of_a_cancelled_order_are_credited_with_the_order() -> None:
    cancelled = cancel(_paid()).account
    assert cancel_lines(cancelled).account == cancelled


def test_what_is_not_paid_yet_is_credited_against_the_receivable() -> None:
    change = cancel_lines(issue().account)
    assert entries(change) == {"CREDIT_NOTE": {"2300": 1_000, "2000": 200, "1100": -1_200}}
    assert change.account.refunds == ()
    assert change.account.invoice
    assert change.account.invoice.outstanding == eur(2_400)


def test_lines_that_are_cancelled_before_the_invoice_are_credited_with_it() -> None:
    early = cancel_lines(invoicing.place(OrderAccount(ORDER_ID), placed()))
    assert (early.events, early.journals) == ((), ())
    change = invoicing.issue(invoicing.reserve(early.account), NUMBER, CREDIT_NOTE_NUMBER, a_moment())
    assert names(change) == ["InvoiceCreated", "CreditNoteIssued"]
    assert [attempt.amount for attempt in change.account.attempts] == [eur(2_400)]


def test_refunds_take_the_oldest_payment_first_and_no_more_than_it_brought() -> None:
    account = _paid()
    (first,) = account.attempts
    parts = [(first.payment_id, 900), ("0190a000-0000-7000-8000-0000000000f2", 2_700)]
    attempts = tuple(_attempt(first, number, *part) for number, part in enumerate(parts, start=1))
    change = cancel_lines(replace(account, attempts=attempts))
    assert [(refund.payment_id, refund.amount) for refund in change.account.refunds] == [
        (parts[0][0], eur(900)),
        (parts[1][0], eur(300)),
    ]


def _attempt(like: Attempt, number: int, payment_id: str, units: int) -> Attempt:
    return replace(like, payment_id=payment_id, number=number, amount=eur(units), received=eur(units), applied=eur(units))
