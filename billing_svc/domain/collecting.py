"""Being paid: what the provider says about an attempt, and where the money goes.

Money for a cancelled, void or already paid order, and money in a wrong currency, is never applied: it is given back.
"""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import ledger
from billing_svc.domain.closing import settle
from billing_svc.domain.dunning import OFFSETS, Dunning, Offsets
from billing_svc.domain.events import Event, PaymentFailed, PaymentPending, PaymentSucceeded, PaymentUnknown
from billing_svc.domain.invoice import Invoice
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.payment import Attempt, FailureReason
from billing_svc.domain.provider_call import Answer, Outcome
from billing_svc.domain.refund import RefundReason
from billing_svc.domain.refunding import request_refund
from chassis.money import Money


def hear_payment(account: OrderAccount, payment_id: str, answer: Answer, moment: Moment, offsets: Offsets = OFFSETS) -> Change:
    """Learn what the provider says about an attempt; a success is believed whenever it comes, a failure only while open.

    What was declined for now is tried again by itself after `offsets` from the first attempt.
    """
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
        change = change.then(lambda now: _fail(now, after, moment, offsets))
    return change.then(settle)


def _progress(order_id: str, invoice: Invoice, before: Attempt, after: Attempt) -> tuple[Event, ...]:
    if after.is_pending and not before.is_pending:
        return (PaymentPending(order_id, invoice.invoice_id, after),)
    if after.is_unknown and not before.is_unknown and not after.is_pending:
        return (PaymentUnknown(order_id, invoice.invoice_id, after),)
    return ()


def _fail(account: OrderAccount, attempt: Attempt, moment: Moment, offsets: Offsets = ()) -> Change:
    """Try again later if that may help, or ask people to decide; not where nothing is owed or another attempt is open."""
    invoice, reason = account.invoice, attempt.failure_reason
    if invoice is None or reason is None or not invoice.wants_money or account.has_open_attempt:
        return Change(account)
    again = attempt.dunning.next_time(offsets, moment.now) if reason is FailureReason.DECLINED_SOFT else None
    failed = replace(attempt, next_attempt_time=again, exception_id=None if again else moment.new_id())
    event = PaymentFailed(account.order_id, invoice.invoice_id, failed, reason, invoice.outstanding)
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
    refunded = change.then(request_refund(done, rest, RefundReason.UNAPPLIED_CASH, moment))
    return refunded.then(lambda after: _fail(after, done, moment))


def _applied(invoice: Invoice, received: Money) -> Money:
    """Return the part of the money that goes to the invoice, in the invoice's currency."""
    due = invoice.outstanding
    if not invoice.wants_money or received.currency_code != due.currency_code:
        return due.zero()
    return Money(due.currency_code, min(received.minor_units, due.minor_units))


def _stop_others(account: OrderAccount, moment: Moment) -> OrderAccount:
    """Once everything is paid, an attempt that is still open is stopped at once, and none follows."""
    return account if account.wants_money else account.with_attempts_stopped(moment.now)


def try_again(account: OrderAccount, payment_id: str, moment: Moment) -> Change:
    """Begin the attempt that follows one that was declined for now, if its time has come and money is still wanted."""
    declined, invoice = account.attempt(payment_id), account.invoice
    if declined is None or invoice is None or not account.is_due_again(payment_id, moment.now):
        return Change(account)
    done = replace(declined, next_attempt_time=None)
    return begin(account.with_attempt(done), declined.payment_method, declined.dunning.next(), moment)


def begin(account: OrderAccount, payment_method: str, dunning: Dunning, moment: Moment) -> Change:
    """Begin an attempt to be paid what is owed. The account has an invoice on which something is."""
    assert account.invoice is not None, "only what was invoiced is paid"  # noqa: S101 - narrows the type
    attempt = Attempt(
        payment_id=moment.new_id(),
        number=len(account.attempts) + 1,
        amount=account.invoice.outstanding,
        payment_method=payment_method,
        next_call_time=moment.now,
        dunning=dunning,
    )
    return Change(replace(account, attempts=(*account.attempts, attempt)))
