"""Giving money back: once, with retries, and what is left when it fails."""

from __future__ import annotations

from billing_svc.domain import refunding
from billing_svc.domain.closed import ClosingOutcome
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.provider_call import RETRIES
from billing_svc.domain.refund import RefundState
from tests.billing_svc.builders import (
    DECLINED,
    PENDING,
    TIMED_OUT,
    UNREACHABLE,
    a_moment,
    cancel,
    entries,
    eur,
    hear,
    hear_refund,
    issue,
    names,
    succeeded,
)


def _credited() -> OrderAccount:
    return cancel(hear(issue().account, succeeded()).account).account


def test_a_refund_that_succeeds_settles_the_order() -> None:
    change = hear_refund(_credited(), succeeded())
    assert names(change) == ["RefundSucceeded", "OrderBillingClosed"]
    assert entries(change) == {"REFUND": {"2200": 3_600, "1000": -3_600}}
    assert change.account.closing
    assert change.account.closing.outcome is ClosingOutcome.REFUNDED
    assert change.account.refunded_of_paid == 3_600


def test_a_refund_that_succeeds_twice_is_one() -> None:
    done = hear_refund(_credited(), succeeded()).account
    again = hear_refund(done, succeeded(), DECLINED)
    assert (again.account, again.events, again.journals) == (done, (), ())


def test_a_refund_fails_after_five_retries_and_stays_owed() -> None:
    failures = [UNREACHABLE, TIMED_OUT, DECLINED, UNREACHABLE, TIMED_OUT]
    assert len(failures) == RETRIES
    trying = hear_refund(_credited(), *failures)
    assert trying.events == ()
    assert trying.account.refunds[0].next_call_time is not None
    failed = hear_refund(trying.account, DECLINED)
    assert names(failed) == ["RefundFailed", "OrderBillingClosed"]
    assert failed.journals == ()
    assert failed.account.refunds[0].state is RefundState.FAILED
    assert failed.account.closing
    assert (failed.account.closing.outcome, failed.account.closing.refunded) == (ClosingOutcome.REFUND_FAILED, ())


def test_a_failed_refund_that_succeeds_later_settles_the_order_under_a_new_revision() -> None:
    failed = hear_refund(_credited(), *[DECLINED] * (RETRIES + 1)).account
    closed = hear_refund(failed, succeeded()).account.closing
    assert closed
    assert (closed.outcome, closed.revision, closed.refunded) == (ClosingOutcome.REFUNDED, 2, (eur(3_600),))


def test_an_answer_that_he_works_on_it_forgives_failures() -> None:
    working = hear_refund(_credited(), *[UNREACHABLE] * RETRIES, PENDING).account
    assert hear_refund(working, UNREACHABLE).account.refunds[0].failures == 1


def test_a_failure_that_he_tells_by_himself_counts_only_while_he_works_on_it() -> None:
    asked = _credited()
    (refund,) = asked.refunds
    assert refunding.hear_report(asked, refund.refund_id, DECLINED, a_moment()) == Change(asked)
    working = hear_refund(asked, PENDING).account
    assert refunding.hear_report(working, refund.refund_id, DECLINED, a_moment()).account.refunds[0].failures == 1
    assert names(refunding.hear_report(asked, refund.refund_id, succeeded(), a_moment()))[0] == "RefundSucceeded"


def test_a_pending_refund_is_asked_about_again() -> None:
    waiting = hear_refund(_credited(), PENDING)
    assert waiting.events == ()
    assert waiting.account.refunds[0].state is RefundState.PENDING
    assert names(hear_refund(waiting.account, succeeded())) == ["RefundSucceeded", "OrderBillingClosed"]
