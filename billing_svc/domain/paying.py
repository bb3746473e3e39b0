"""What a person may do about a payment that has not come: pay another way, ask the provider now, or void the invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from billing_svc.domain.closing import settle
from billing_svc.domain.collecting import begin
from billing_svc.domain.dunning import Dunning
from billing_svc.domain.errors import InvoiceChanged, NotOpen, NotPayable, NotThere, NotVoidable, PaymentUnderWay, UnknownMethod
from billing_svc.domain.invoice import Invoice, InvoiceState, VoidReason
from billing_svc.domain.order_account import Change, Moment, OrderAccount


def pay(account: OrderAccount, payment_method: str, known_methods: Sequence[str], moment: Moment) -> Change:
    """Begin an attempt with any method, which takes the place of those that would follow by themselves.

    UnknownMethod, NotPayable where nothing is owed, PaymentUnderWay while another attempt is open.
    """
    if payment_method not in known_methods:
        raise UnknownMethod(known_methods)
    invoice = invoice_of(account)
    if not invoice.wants_money:
        raise NotPayable(invoice.state)
    if under_way := next((attempt for attempt in account.attempts if attempt.is_open), None):
        raise PaymentUnderWay(under_way.payment_id, under_way.state)
    return begin(account.with_attempts_stopped(moment.now), payment_method, Dunning(moment.now), moment)


def resolve(account: OrderAccount, payment_id: str, moment: Moment) -> Change:
    """Ask the provider at once about an attempt whose outcome is open; NotOpen for any other."""
    attempt = account.attempt(payment_id)
    if attempt is None:
        raise NotThere("payment", payment_id)
    if not attempt.is_open:
        raise NotOpen(attempt.state)
    return Change(account.with_attempt(replace(attempt, next_call_time=moment.now)))


def expect(expected_version: int | None, version: int) -> None:
    """Refuse a decision that was made on another version of an invoice than the one it is at: InvoiceChanged."""
    if expected_version is not None and expected_version != version:
        raise InvoiceChanged(expected_version, version)


def void(account: OrderAccount, reason: VoidReason, comment: str, moment: Moment) -> Change:
    """Void an invoice on which nothing was paid, once no attempt is open any more.

    NotVoidable where it is paid in part, void, or being voided.
    """
    invoice = invoice_of(account)
    if invoice.state is not InvoiceState.OPEN:
        raise NotVoidable(invoice.state)
    voided = replace(invoice, is_cancelled=True, void_reason=reason, void_comment=comment)
    return Change(replace(account.with_attempts_stopped(moment.now), invoice=voided)).then(settle)


def invoice_of(account: OrderAccount) -> Invoice:
    """Return the invoice of an account that was found by something that belongs to it."""
    if account.invoice is None:
        raise NotThere("invoice of order", account.order_id)
    return account.invoice
