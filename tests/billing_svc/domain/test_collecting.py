"""Where money goes that comes in: races 6 to 11."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing_svc.domain import collecting
from billing_svc.domain.dunning import Dunning
from billing_svc.domain.events import PaymentFailed, PaymentSucceeded
from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.payment import FailureReason, PaymentState
from billing_svc.domain.provider_call import RETRIES, Call
from chassis.money import Money
from tests.billing_svc.builders import (
    CANCELED,
    DECLINED,
    NOT_FOUND,
    NOW,
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


def _state(account: OrderAccount) -> InvoiceState:
    assert account.invoice
    return account.invoice.state


def _failure(change: Change) -> tuple[FailureReason, Money]:
    (event,) = [event for event in change.events if isinstance(event, PaymentFailed)]
    assert event.attempt.exception_id
    assert event.attempt.next_attempt_time is None
    return event.reason, event.outstanding


def test_a_full_payment_pays_the_invoice() -> None:
    change = hear(issue().account, succeeded(eur(3_600)))
    assert names(change) == ["PaymentSucceeded"]
    assert entries(change) == {"PAYMENT": {"1000": 3_600, "1100": -3_600}}
    assert _state(change.account) is InvoiceState.PAID


def test_the_same_success_twice_is_one() -> None:
    paid = hear(issue().account, succeeded()).account
    assert hear(paid, succeeded()).account == paid
    assert hear(paid, succeeded()).events == ()


@pytest.mark.parametrize("late", [DECLINED, CANCELED, PENDING, TIMED_OUT])
def test_a_late_failure_of_a_paid_attempt_is_ignored(late: object) -> None:
    paid = hear(issue().account, succeeded()).account
    change = hear(paid, late)  # type: ignore[arg-type]  # parametrised answers
    assert (change.events, change.journals) == ((), ())
    noted = replace(paid.attempts[0], has_late_failure=late in (DECLINED, CANCELED))
    assert change.account == replace(paid, attempts=(noted,))


def test_pending_and_unknown_are_each_told_once() -> None:
    assert names(hear(issue().account, TIMED_OUT, TIMED_OUT, NOT_FOUND, TIMED_OUT)) == ["PaymentUnknown"]
    assert names(hear(issue().account, PENDING, PENDING, TIMED_OUT)) == ["PaymentPending"]
    assert names(hear(issue().account, TIMED_OUT, PENDING)) == ["PaymentUnknown", "PaymentPending"]


def test_a_hard_decline_asks_people_at_once() -> None:
    change = hear(issue().account, DECLINED)
    assert _failure(change) == (FailureReason.DECLINED_HARD, eur(3_600))
    assert _state(change.account) is InvoiceState.OPEN
    assert change.account.attempts[0].next_call_time is None


def test_a_success_after_the_decline_wins() -> None:
    change = hear(hear(issue().account, DECLINED).account, succeeded())
    assert names(change) == ["PaymentSucceeded"]
    assert _state(change.account) is InvoiceState.PAID


def test_an_unreachable_provider_is_given_up_only_once_he_confirms_that_nothing_was_taken() -> None:
    tried = hear(issue().account, *[UNREACHABLE] * (RETRIES + 1))
    assert tried.events == ()
    assert tried.account.next_call(tried.account.attempts[0].payment_id) is Call.CANCEL
    assert _failure(hear(tried.account, CANCELED)) == (FailureReason.PROVIDER_UNAVAILABLE, eur(3_600))


def test_too_much_money_pays_once_and_the_rest_goes_back() -> None:
    change = hear(issue().account, succeeded(eur(4_000)))
    assert names(change) == ["PaymentSucceeded", "RefundRequested"]
    assert entries(change) == {
        "PAYMENT": {"1000": 4_000, "1100": -3_600, "2100": -400},
        "UNAPPLIED_CASH": {"2100": 400, "2200": -400},
    }
    assert _state(change.account) is InvoiceState.PAID


def test_too_little_money_never_counts_as_paid() -> None:
    change = hear(issue().account, succeeded(eur(1_000)))
    assert _failure(change) == (FailureReason.SHORT, eur(2_600))
    assert _state(change.account) is InvoiceState.PARTIALLY_PAID
    assert change.account.attempts[0].next_call_time is None


def test_people_are_not_asked_while_another_attempt_may_still_pay() -> None:
    account = hear(issue().account, DECLINED).account
    both = collecting.begin(account, "pm_ok", Dunning(NOW), a_moment()).account
    change = hear(both, succeeded(eur(1_000)))
    assert names(change) == ["PaymentSucceeded"]
    assert change.account.attempts[0].failure_reason is FailureReason.SHORT


def test_a_wrong_currency_is_given_back_in_it() -> None:
    change = hear(issue().account, succeeded(Money("USD", 3_600)))
    assert _failure(change) == (FailureReason.CURRENCY, eur(3_600))
    assert [journal.currency_code for journal in change.journals] == ["USD", "USD"]
    assert change.account.refunds[0].amount == Money("USD", 3_600)
    assert _state(change.account) is InvoiceState.OPEN


def test_a_second_attempt_that_succeeds_too_is_given_back() -> None:
    account = hear(issue().account, DECLINED).account
    second = replace(account.attempts[0], payment_id="second", number=2, decline_kind=None, next_call_time=NOW)
    both = replace(account, attempts=(*account.attempts, second))
    paid = collecting.hear_payment(both, "second", succeeded(), a_moment()).account
    change = hear(paid, succeeded())
    assert names(change) == ["PaymentSucceeded", "RefundRequested"]
    assert entries(change)["PAYMENT"] == {"1000": 3_600, "2100": -3_600}


def test_an_attempt_still_open_is_stopped_once_another_has_paid() -> None:
    account = hear(issue().account, DECLINED).account
    second = replace(account.attempts[0], payment_id="second", number=2, decline_kind=None, next_call_time=None)
    paid = hear(replace(account, attempts=(*account.attempts, second)), succeeded()).account
    assert paid.next_call("second") is Call.CANCEL
    assert paid.attempts[1].next_call_time == NOW
    change = collecting.hear_payment(paid, "second", CANCELED, a_moment())
    assert change.events == ()


# After a cancel.


def _cancelled(*before: object) -> OrderAccount:
    return cancel(hear(issue().account, *before).account).account  # type: ignore[arg-type]  # answers


@pytest.mark.parametrize("before", [(), (TIMED_OUT,), (PENDING,), (UNREACHABLE,)])
@pytest.mark.parametrize("ending", [CANCELED, DECLINED])
def test_a_cancelled_order_whose_attempt_brings_nothing_is_void(before: tuple[object, ...], ending: object) -> None:
    change = hear(_cancelled(*before), ending)  # type: ignore[arg-type]  # parametrised answers
    assert names(change) == ["InvoiceVoided", "OrderBillingClosed"]
    assert entries(change) == {"VOID": {"2300": 3_000, "2000": 600, "1100": -3_600}}


def test_late_money_for_a_cancelled_order_is_never_applied_and_goes_back_at_once() -> None:
    change = hear(_cancelled(TIMED_OUT), succeeded())
    assert names(change) == ["PaymentSucceeded", "RefundRequested", "InvoiceVoided"]
    event = next(e for e in change.events if isinstance(e, PaymentSucceeded))
    assert (event.applied, event.invoice_state) == (eur(0), InvoiceState.CANCEL_REQUESTED)
    assert entries(change)["PAYMENT"] == {"1000": 3_600, "2100": -3_600}
    back = hear_refund(change.account, succeeded())
    assert names(back) == ["RefundSucceeded", "OrderBillingClosed"]


def test_money_after_the_order_was_settled_reopens_it_under_a_new_revision() -> None:
    settled = hear(_cancelled(TIMED_OUT), CANCELED).account
    assert settled.closing
    assert settled.closing.revision == 1
    reopened = hear(settled, succeeded())
    assert names(reopened) == ["PaymentSucceeded", "RefundRequested"]
    closed = hear_refund(reopened.account, succeeded()).account.closing
    assert closed
    assert (closed.outcome, closed.revision) == ("REFUNDED", 2)
    assert closed.payment_ids == (settled.attempts[0].payment_id,)
    assert (closed.received, closed.refunded) == ((eur(3_600),), (eur(3_600),))


@pytest.mark.parametrize("before", [(), (TIMED_OUT,), (PENDING,)])
def test_a_cancelled_order_is_never_sent_again(before: tuple[object, ...]) -> None:
    account = _cancelled(*before)
    for answer in (UNREACHABLE, TIMED_OUT, NOT_FOUND, PENDING, *[UNREACHABLE] * 10):
        account = hear(account, answer).account
        assert account.next_call(account.attempts[0].payment_id) is Call.CANCEL
        assert account.attempts[0].state is not PaymentState.NOT_ATTEMPTED
