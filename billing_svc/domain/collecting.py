"""Being paid: what the provider says about an attempt, and where the money goes.

Money for a cancelled, void or already paid order, and money in a wrong currency, is never applied: it is given back.
"""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import ledger
from billing_svc.domain.closing import settle
from billing_svc.domain.events import Event, PaymentFailed, PaymentPending, PaymentSucceeded, PaymentUnknown
from billing_svc.domain.invoice import Invoice
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.payment import Attempt, FailureReason
from billing_svc.domain.provider_call import Answer, DeclineKind, Outcome
from billing_svc.domain.refund import RefundReason
from billing_svc.domain.refunding import request_refund
from chassis.money import Money


def hear_payment(account: OrderAccount, payment_id: str, answer: Answer, moment: Moment) -> Change:
    """Learn what the provider says about an attempt; a success is believed whenever it comes, a failure only while open."""
    attempt, invoice = account.attempt(payment_id), account.invoice
    if attempt is None or invoice is None:
        return Change(account)
    if answer.outcome is Outcome.SUCCEEDED:
        if attempt.received is not None:
            return Change(account)
        return _receive(account, attempt, answer, moment).then(settle)
    after = attempt.hear(answer, moment.now)
    change = Change(account.with_attempt(after), _progress(account.order_id, invoice, attempt, after))
    if attempt.is_open and not after.is_open:
        change = change.then(lambda now: _fail(now, after, _reason(after), moment))
    return change.then(settle)


def _progress(order_id: str, invoice: Invoice, before: Attempt, after: Attempt) -> tuple[Event, ...]:
    if after.is_pending and not before.is_pending:
        return (PaymentPending(order_id, invoice.invoice_id, after),)
    if after.is_unknown and not before.is_unknown and not after.is_pending:
        return (PaymentUnknown(order_id, invoice.invoice_id, after),)
    return ()


def _reason(attempt: Attempt) -> FailureReason:
    if attempt.decline_kind is None:
        return FailureReason.PROVIDER_UNAVAILABLE
    return FailureReason.DECLINED_SOFT if attempt.decline_kind is DeclineKind.SOFT else FailureReason.DECLINED_HARD


def _fail(account: OrderAccount, attempt: Attempt, reason: FailureReason, moment: Moment) -> Change:
    """Ask people to decide, unless nothing is owed any more or another attempt may still pay it."""
    invoice = account.invoice
    if invoice is None or not invoice.wants_money or account.has_open_attempt:
        return Change(account)
    failed = replace(attempt, exception_id=moment.new_id())
    event = PaymentFailed(
        order_id=account.order_id,
        invoice_id=invoice.invoice_id,
        attempt=failed,
        reason=reason,
        exception_id=failed.exception_id or "",
        outstanding=invoice.outstanding,
    )
    return Change(account.with_attempt(failed), (event,))


def _receive(account: OrderAccount, attempt: Attempt, answer: Answer, moment: Moment) -> Change:
    invoice = account.invoice
    assert invoice is not None, "hear_payment saw it"  # noqa: S101 - narrows the type
    received = answer.amount or attempt.amount
    applied = _applied(invoice, received)
    paid = replace(invoice, paid=invoice.paid + applied)
    done = attempt.receive(received, applied, answer.reference)
    rest = Money(received.currency_code, received.minor_units - applied.minor_units)
    event = PaymentSucceeded(
        order_id=account.order_id,
        invoice_id=paid.invoice_id,
        attempt=done,
        amount=received,
        applied=applied,
        outstanding=paid.outstanding,
        invoice_state=paid.state,
    )
    change = Change(
        _stop_others(replace(account.with_attempt(done), invoice=paid), moment),
        (event,),
        ledger.payment_received(account.subject, done.payment_id, received, applied.minor_units),
    )
    reason = FailureReason.SHORT if received.currency_code == paid.total.currency_code else FailureReason.CURRENCY
    return change.then(request_refund(done, rest, RefundReason.UNAPPLIED_CASH, moment)).then(
        lambda after: _fail(after, done, reason, moment)
    )


def _applied(invoice: Invoice, received: Money) -> Money:
    """Return the part of the money that goes to the invoice, in the invoice's currency."""
    due = invoice.outstanding
    if not invoice.wants_money or received.currency_code != due.currency_code:
        return due.zero()
    return Money(due.currency_code, min(received.minor_units, due.minor_units))


def _stop_others(account: OrderAccount, moment: Moment) -> OrderAccount:
    """Once everything is paid, an attempt that is still open is stopped at once."""
    if account.wants_money:
        return account
    attempts = tuple(replace(a, next_call_time=moment.now) if a.is_open else a for a in account.attempts)
    return replace(account, attempts=attempts)
