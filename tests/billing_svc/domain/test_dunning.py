"""A payment that is declined for now is tried again by itself, on a schedule that counts from the first attempt."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing_svc.domain import collecting, invoicing, paying
from billing_svc.domain.dunning import OFFSETS, Dunning
from billing_svc.domain.events import PaymentFailed
from billing_svc.domain.invoice import InvoiceState
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.payment import FailureReason, PaymentState
from billing_svc.domain.provider_call import Answer
from tests.billing_svc.builders import CREDIT_NOTE_NUMBER, DECLINED, NOW, SOFT, a_moment, cancel, eur, issue, succeeded


def _at(now: datetime) -> Moment:
    return Moment(now, a_moment().new_id)


def _hear(account: OrderAccount, answer: Answer, now: datetime, place: int = -1) -> Change:
    return collecting.hear_payment(account, account.attempts[place].payment_id, answer, _at(now))


def _failures(change: Change) -> list[PaymentFailed]:
    return [event for event in change.events if isinstance(event, PaymentFailed)]


def test_the_schedule_counts_from_the_first_attempt_and_is_never_in_the_past() -> None:
    first = Dunning(NOW)
    assert first.next_time(OFFSETS, NOW + timedelta(minutes=5)) == NOW + timedelta(hours=1)
    assert first.next().next_time(OFFSETS, NOW + timedelta(hours=1)) == NOW + timedelta(days=1)
    late = NOW + timedelta(days=9)
    assert first.next().next().next_time(OFFSETS, late) == late
    assert Dunning(NOW, 4).next_time(OFFSETS, NOW) is None
    assert first.next_time((), NOW) is None


def test_soft_declines_end_after_three_further_attempts() -> None:
    account, now, told = issue().account, NOW, []
    for offset in (*OFFSETS, None):
        change = _hear(account, SOFT, now)
        (failed,) = _failures(change)
        told.append(failed.attempt.exception_id is not None)
        assert failed.attempt.next_attempt_time == (NOW + offset if offset else None)
        account = change.account
        if offset:
            declined, now = account.attempts[-1].payment_id, NOW + offset
            early = collecting.try_again(account, declined, _at(now - timedelta(milliseconds=1)))
            assert early == Change(account), "not before its time"
            account = collecting.try_again(account, declined, _at(now)).account
            assert collecting.try_again(account, declined, _at(now)) == Change(account), "once"
    assert told == [False, False, False, True]
    assert [attempt.number for attempt in account.attempts] == [1, 2, 3, 4]
    assert [attempt.next_attempt_time for attempt in account.attempts] == [None] * 4
    assert {attempt.failure_reason for attempt in account.attempts} == {FailureReason.DECLINED_SOFT}


def test_an_attempt_that_follows_may_pay() -> None:
    declined = _hear(issue().account, SOFT, NOW).account
    again = collecting.try_again(declined, declined.attempts[0].payment_id, _at(NOW + OFFSETS[0])).account
    change = _hear(again, succeeded(), NOW + OFFSETS[0])
    assert change.account.invoice
    assert (change.account.invoice.state, change.account.invoice.paid) == (InvoiceState.PAID, eur(3_600))


def test_a_hard_decline_is_not_tried_again() -> None:
    (failed,) = _failures(_hear(issue().account, DECLINED, NOW))
    assert (failed.attempt.next_attempt_time, failed.attempt.exception_id is None) == (None, False)


@pytest.mark.parametrize("what", ["late success", "cancel", "another method"])
def test_nothing_follows_once_it_is_not_wanted(what: str) -> None:
    declined = _hear(issue().account, SOFT, NOW).account
    first = declined.attempts[0].payment_id
    after = {
        "late success": lambda: _hear(declined, succeeded(), NOW).account,
        "cancel": lambda: cancel(declined).account,
        "another method": lambda: paying.pay(declined, "pm_ok", ["pm_ok"], _at(NOW)).account,
    }[what]()
    assert after.attempts[0].next_attempt_time is None
    assert collecting.try_again(after, first, _at(NOW + OFFSETS[0])) == Change(after)


def test_a_failure_that_is_heard_late_never_touches_the_attempt_that_followed() -> None:
    declined = _hear(issue().account, SOFT, NOW).account
    again = collecting.try_again(declined, declined.attempts[0].payment_id, _at(NOW + OFFSETS[0])).account
    assert _hear(again, SOFT, NOW + OFFSETS[0], place=0) == Change(again)
    assert again.attempts[1].state is PaymentState.INITIATED


def test_what_is_tried_again_is_what_is_still_owed() -> None:
    declined = _hear(issue().account, SOFT, NOW).account
    short = _hear(declined, succeeded(eur(1_000)), NOW).account
    assert short.attempts[0].next_attempt_time is None
    paid = paying.pay(short, "pm_ok", ["pm_ok"], _at(NOW)).account
    assert paid.attempts[-1].amount == eur(2_600)


def test_lines_cancelled_before_the_invoice_do_not_disturb_the_schedule() -> None:
    account = issue().account
    assert invoicing.credit_lines(account, CREDIT_NOTE_NUMBER, a_moment()) == Change(account)
