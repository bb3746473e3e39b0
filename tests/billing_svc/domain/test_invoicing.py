"""When an invoice is issued, what a cancel does to it, and what a shipment earns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing_svc.domain import facts, invoicing
from billing_svc.domain.closed import ClosingOutcome
from billing_svc.domain.events import InvoiceCreated, OrderBillingClosed, PaymentSucceeded, RefundRequested
from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.payment import PaymentState
from billing_svc.domain.refund import RefundReason
from tests.billing_svc.builders import (
    CANCELLED,
    CREDIT_NOTE_NUMBER,
    FULFILLMENT_ID,
    NOW,
    NUMBER,
    ORDER_ID,
    TIMED_OUT,
    a_moment,
    cancel,
    entries,
    eur,
    hear,
    issue,
    names,
    placed,
    succeeded,
)

EMPTY = OrderAccount(ORDER_ID)


def _closing(account: OrderAccount) -> tuple[ClosingOutcome, int]:
    assert account.closing
    return account.closing.outcome, account.closing.revision


@pytest.mark.parametrize("known", [EMPTY, invoicing.place(EMPTY, placed()), invoicing.reserve(EMPTY)])
def test_no_invoice_before_everything_is_known(known: OrderAccount) -> None:
    assert invoicing.issue(known, NUMBER, CREDIT_NOTE_NUMBER, a_moment()).events == ()


def test_the_invoice_is_issued_and_an_attempt_is_due_at_once() -> None:
    change = issue()
    assert names(change) == ["InvoiceCreated"]
    assert entries(change) == {"INVOICE": {"1100": 3_600, "2300": -3_000, "2000": -600}}
    (attempt,) = change.account.attempts
    assert (attempt.number, attempt.amount, attempt.state) == (1, eur(3_600), PaymentState.INITIATED)
    assert attempt.next_call_time == NOW


def test_it_is_issued_once() -> None:
    account = issue().account
    assert invoicing.issue(account, "INV-000002", CREDIT_NOTE_NUMBER, a_moment()).account == account


def test_an_invoice_over_nothing_is_paid_at_issue_without_an_attempt() -> None:
    change = issue(net=0, tax=0)
    created, paid = change.events
    assert isinstance(created, InvoiceCreated)
    assert isinstance(paid, PaymentSucceeded)
    assert (paid.attempt, paid.amount, paid.invoice_state) == (None, eur(0), InvoiceState.PAID)
    assert (change.account.attempts, change.journals) == ((), ())


def test_a_cancelled_order_without_an_invoice_answers_never_issued() -> None:
    change = cancel(EMPTY)
    assert names(change) == ["OrderBillingClosed"]
    assert _closing(change.account) == (ClosingOutcome.NEVER_ISSUED, 1)
    later = invoicing.reserve(invoicing.place(change.account, placed()))
    assert invoicing.issue(later, NUMBER, CREDIT_NOTE_NUMBER, a_moment()).events == ()
    assert later.terms is not None


def test_a_cancelled_invoice_over_nothing_is_void() -> None:
    change = cancel(issue(net=0, tax=0).account)
    assert names(change) == ["InvoiceVoided", "OrderBillingClosed"]
    assert _closing(change.account) == (ClosingOutcome.VOIDED, 1)


def test_a_cancel_waits_for_an_open_attempt_and_has_it_stopped_at_once() -> None:
    unknown = hear(issue().account, TIMED_OUT).account
    change = cancel(unknown)
    assert change.account.invoice
    assert change.account.invoice.state is InvoiceState.CANCEL_REQUESTED
    assert (change.events, change.journals) == ((), ())
    assert change.account.attempts[0].next_call_time == NOW


def test_a_cancel_of_a_paid_order_credits_it_and_gives_the_money_back() -> None:
    paid = hear(issue().account, succeeded()).account
    change = cancel(paid)
    assert names(change) == ["CreditNoteIssued", "RefundRequested"]
    assert entries(change) == {"CREDIT_NOTE": {"2300": 3_000, "2000": 600, "2200": -3_600}}
    account = change.account
    assert account.invoice
    assert (account.invoice.state, account.invoice.outstanding) == (InvoiceState.CREDITED, eur(0))
    (refund,), (note,) = account.refunds, account.credit_notes
    assert (refund.amount, refund.reason) == (eur(3_600), RefundReason.ORDER_CANCELLED)
    assert note.refund_id == refund.refund_id
    assert [line.line_number for line in note.lines] == [1]


def test_a_cancel_of_a_partly_paid_order_credits_the_rest_against_the_receivable() -> None:
    short = hear(issue().account, succeeded(eur(1_000))).account
    change = cancel(short)
    assert entries(change) == {"CREDIT_NOTE": {"2300": 3_000, "2000": 600, "1100": -2_600, "2200": -1_000}}
    requested = [event for event in change.events if isinstance(event, RefundRequested)]
    assert [event.refund.amount for event in requested] == [eur(1_000)]


def test_a_second_cancel_changes_nothing() -> None:
    for account in (EMPTY, issue().account, hear(issue().account, succeeded()).account):
        once = cancel(account).account
        assert cancel(once).account == once
        assert cancel(once).events == ()


def test_a_shipment_earns_its_net_once() -> None:
    paid = hear(issue().account, succeeded()).account
    shipped = facts.OrderShipped(ORDER_ID, FULFILLMENT_ID, eur(3_000))
    change = invoicing.ship(paid, shipped)
    assert entries(change) == {"REVENUE": {"2300": 3_000, "4000": -3_000}}
    assert invoicing.ship(change.account, shipped).journals == ()


def test_the_first_message_names_who_placed_the_order() -> None:
    assert cancel(EMPTY).account.placed_by == CANCELLED.placed_by
    assert cancel(replace(EMPTY, placed_by=placed().placed_by)).account.placed_by == placed().placed_by


def test_an_answer_is_given_once_per_rest() -> None:
    account = cancel(hear(issue().account, succeeded()).account).account
    assert account.closing is None
    change = hear(account, succeeded())
    assert not any(isinstance(event, OrderBillingClosed) for event in change.events)
