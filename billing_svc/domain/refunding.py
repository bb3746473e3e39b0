"""Giving money back: asking for it, and what the provider says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from billing_svc.domain import ledger
from billing_svc.domain.closing import settle
from billing_svc.domain.errors import NotFailed, NotThere
from billing_svc.domain.events import Event, RefundFailed, RefundRequested, RefundSucceeded
from billing_svc.domain.invoice import Person
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.payment import Attempt
from billing_svc.domain.provider_call import Answer, Outcome
from billing_svc.domain.refund import Refund, RefundReason, RefundState
from chassis.money import Money


def request_refund(
    attempt: Attempt, amount: Money, reason: RefundReason, moment: Moment, requester: Person | None = None
) -> Callable[[OrderAccount], Change]:
    """Return the step that asks for an amount of a payment to be given back; nothing is not given back."""

    def step(account: OrderAccount) -> Change:
        if amount.is_zero:
            return Change(account)
        refund = Refund(moment.new_id(), attempt.payment_id, amount, reason, next_call_time=moment.now)
        posted: ledger.Journals = ()
        if reason is RefundReason.UNAPPLIED_CASH:
            posted = ledger.unapplied_cash_owed(account.subject, attempt.payment_id, amount)
        requested = (RefundRequested(account.order_id, refund, requester),)
        return Change(replace(account, refunds=(*account.refunds, refund)), requested, posted)

    return step


def retry(account: OrderAccount, refund_id: str, moment: Moment) -> Change:
    """Ask once more for a refund that failed in every try; NotFailed for any other."""
    refund = account.refund(refund_id)
    if refund is None:
        raise NotThere("refund", refund_id)
    if refund.state is not RefundState.FAILED:
        raise NotFailed(refund.state)
    return Change(account.with_refund(refund.tried_again(moment.now)))


def hear_report(account: OrderAccount, refund_id: str, answer: Answer, moment: Moment) -> Change:
    """Learn what the provider tells of a refund by himself; a failure he answered already, unless he was working on it."""
    refund = account.refund(refund_id)
    if refund is None or (answer.outcome is not Outcome.SUCCEEDED and not refund.is_pending):
        return Change(account)
    return hear_refund(account, refund_id, answer, moment)


def hear_refund(account: OrderAccount, refund_id: str, answer: Answer, moment: Moment) -> Change:
    """Learn what the provider says about a refund."""
    before = account.refund(refund_id)
    if before is None:
        return Change(account)
    after = before.hear(answer, moment.now)
    events: tuple[Event, ...] = ()
    posted: ledger.Journals = ()
    if after.is_succeeded and not before.is_succeeded:
        events = (RefundSucceeded(account.order_id, after),)
        posted = ledger.refund_succeeded(account.subject, refund_id, after.amount)
    elif after.is_failed and not before.is_failed:
        events = (RefundFailed(account.order_id, after),)
    return Change(account.with_refund(after), events, posted).then(settle)
