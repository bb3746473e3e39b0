"""What a person may do about a payment that has not come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing_svc.domain import collecting, paying
from billing_svc.domain.closed import ClosingOutcome
from billing_svc.domain.dunning import Dunning
from billing_svc.domain.errors import InvoiceChanged, NotOpen, NotPayable, NotThere, NotVoidable, PaymentUnderWay, UnknownMethod
from billing_svc.domain.events import InvoiceVoided
from billing_svc.domain.invoice import InvoiceState, VoidReason
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.payment import PaymentState
from billing_svc.domain.provider_call import Call
from billing_svc.domain.refund import RefundReason
from tests.billing_svc.builders import (
    CANCELED,
    DECLINED,
    NOW,
    ORDER_ID,
    SOFT,
    TIMED_OUT,
    a_moment,
    cancel,
    entries,
    eur,
    hear,
    issue,
    names,
    succeeded,
)

METHODS = ("pm_ok", "pm_slow")


def _pay(account: OrderAccount, method: str = "pm_slow") -> Change:
    return paying.pay(account, method, METHODS, a_moment())


def _void(account: OrderAccount) -> Change:
    return paying.void(account, VoidReason.DUPLICATE, "ordered twice", a_moment())


def test_another_method_is_tried_once_the_first_failed() -> None:
    account = _pay(hear(issue().account, DECLINED).account).account
    first, second = account.attempts
    assert (first.state, second.state) == (PaymentState.DECLINED, PaymentState.INITIATED)
    assert (second.number, second.payment_method, second.amount, second.next_call_time) == (2, "pm_slow", eur(3_600), NOW)


def test_another_method_begins_a_schedule_of_its_own() -> None:
    account = hear(issue().account, DECLINED).account
    (first,) = account.attempts
    account = account.with_attempt(replace(first, dunning=Dunning(NOW - timedelta(days=3), 4)))
    assert _pay(account).account.attempts[1].dunning == Dunning(NOW, 1)


def test_not_while_another_attempt_is_open() -> None:
    with pytest.raises(PaymentUnderWay, match="UNKNOWN"):
        _pay(hear(issue().account, TIMED_OUT).account)


@pytest.mark.parametrize("account", [hear(issue().account, succeeded()).account, cancel(issue().account).account])
def test_not_where_nothing_is_owed(account: OrderAccount) -> None:
    with pytest.raises(NotPayable):
        _pay(account)


def test_a_method_that_the_provider_does_not_take_is_named_with_those_he_takes() -> None:
    with pytest.raises(UnknownMethod) as refused:
        _pay(issue().account, "pm_gold")
    (violation,) = refused.value.violations
    assert (violation.field, violation.message) == ("payment_method", "must be one of pm_ok, pm_slow")


def test_two_attempts_that_both_succeed_pay_once_and_the_second_is_given_back() -> None:
    account = _pay(hear(issue().account, DECLINED).account).account
    late = hear(account, succeeded()).account
    second = collecting.hear_payment(late, account.attempts[1].payment_id, succeeded(), a_moment())
    (refund,) = second.account.refunds
    assert (refund.amount, refund.reason) == (eur(3_600), RefundReason.UNAPPLIED_CASH)
    assert second.account.invoice
    assert second.account.invoice.paid == eur(3_600)


def test_an_open_attempt_is_asked_about_now() -> None:
    unknown = hear(issue().account, TIMED_OUT).account
    payment_id = unknown.attempts[0].payment_id
    assert unknown.attempts[0].next_call_time != NOW
    asked = paying.resolve(unknown, payment_id, a_moment()).account
    assert (asked.attempts[0].next_call_time, asked.next_call(payment_id)) == (NOW, Call.INQUIRE)


def test_of_a_settled_payment_nothing_is_asked() -> None:
    declined = hear(issue().account, DECLINED).account
    with pytest.raises(NotOpen, match="DECLINED"):
        paying.resolve(declined, declined.attempts[0].payment_id, a_moment())
    with pytest.raises(NotThere):
        paying.resolve(declined, "another", a_moment())


def test_an_unpaid_invoice_is_voided_and_its_journal_reversed() -> None:
    change = _void(hear(issue().account, DECLINED).account)
    assert names(change) == ["InvoiceVoided"]
    assert change.events == (InvoiceVoided(ORDER_ID, paying.invoice_of(change.account).invoice_id, VoidReason.DUPLICATE),)
    assert entries(change) == {"VOID": {"2300": 3_000, "1100": -3_600, "2000": 600}}
    assert paying.invoice_of(change.account).void_comment == "ordered twice"


def test_while_an_attempt_is_open_the_void_waits_for_it() -> None:
    change = _void(hear(issue().account, TIMED_OUT).account)
    account = change.account
    assert (names(change), paying.invoice_of(account).state) == ([], InvoiceState.CANCEL_REQUESTED)
    assert account.next_call(account.attempts[0].payment_id) is Call.CANCEL
    assert names(hear(account, CANCELED)) == ["InvoiceVoided"]


def test_a_void_stops_what_is_tried_and_what_would_be() -> None:
    (declined,) = _void(hear(issue().account, SOFT).account).account.attempts
    assert declined.next_attempt_time is None
    (unknown,) = _void(hear(issue().account, TIMED_OUT).account).account.attempts
    assert unknown.next_call_time == NOW


def test_money_that_comes_before_the_void_is_given_back() -> None:
    change = hear(_void(hear(issue().account, TIMED_OUT).account).account, succeeded())
    assert names(change) == ["PaymentSucceeded", "RefundRequested", "InvoiceVoided"]
    assert paying.invoice_of(change.account).state is InvoiceState.VOID


def test_the_cancel_that_follows_a_void_closes_without_a_second_void() -> None:
    change = cancel(_void(hear(issue().account, DECLINED).account).account)
    assert names(change) == ["OrderBillingClosed"]
    assert change.account.closing
    assert change.account.closing.outcome is ClosingOutcome.VOIDED


@pytest.mark.parametrize(
    "account",
    [
        hear(issue().account, succeeded()).account,
        hear(issue().account, succeeded(eur(1))).account,
        _void(issue().account).account,
        cancel(hear(issue().account, DECLINED).account).account,
    ],
    ids=["paid", "paid in part", "being voided", "void"],
)
def test_what_is_paid_or_void_is_not_voided(account: OrderAccount) -> None:
    with pytest.raises(NotVoidable, match=paying.invoice_of(account).state):
        _void(account)


@pytest.mark.parametrize(("expected", "refusal"), [(None, None), (3, None), (2, InvoiceChanged)])
def test_a_decision_names_the_version_it_was_made_on(expected: int | None, refusal: Any) -> None:
    if refusal is None:
        paying.expect(expected, 3)
        return
    with pytest.raises(refusal, match="version 3, not 2"):
        paying.expect(expected, 3)


def test_an_account_without_an_invoice_has_none() -> None:
    with pytest.raises(NotThere):
        paying.invoice_of(replace(issue().account, invoice=None))
