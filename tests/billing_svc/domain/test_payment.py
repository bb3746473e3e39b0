"""What an attempt makes of answers, and what is asked next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from billing_svc.domain.dunning import Dunning
from billing_svc.domain.payment import Attempt, FailureReason, PaymentState
from billing_svc.domain.provider_call import RETRIES, Answer, Call, DeclineKind, poll_time, retry_time
from tests.billing_svc.builders import CANCELED, DECLINED, NOT_FOUND, NOW, PENDING, SOFT, TIMED_OUT, UNREACHABLE, eur

FRESH = Attempt("payment", 1, eur(100), "pm_ok", NOW, Dunning(NOW))


def _after(*answers: Answer) -> Attempt:
    attempt = FRESH
    for answer in answers:
        attempt = attempt.hear(answer, NOW)
    return attempt


@pytest.mark.parametrize(
    ("answers", "state", "call"),
    [
        ((), PaymentState.INITIATED, Call.CHARGE),
        ((UNREACHABLE,), PaymentState.INITIATED, Call.CHARGE),
        ((TIMED_OUT,), PaymentState.UNKNOWN, Call.INQUIRE),
        ((TIMED_OUT, UNREACHABLE), PaymentState.UNKNOWN, Call.INQUIRE),
        ((TIMED_OUT, NOT_FOUND), PaymentState.UNKNOWN, Call.CHARGE),
        ((TIMED_OUT, NOT_FOUND, UNREACHABLE), PaymentState.UNKNOWN, Call.CHARGE),
        ((TIMED_OUT, NOT_FOUND, TIMED_OUT), PaymentState.UNKNOWN, Call.INQUIRE),
        ((PENDING,), PaymentState.PENDING, Call.INQUIRE),
        ((TIMED_OUT, PENDING, TIMED_OUT), PaymentState.PENDING, Call.INQUIRE),
        ((DECLINED,), PaymentState.DECLINED, None),
        ((CANCELED,), PaymentState.NOT_ATTEMPTED, None),
    ],
)
def test_answers_lead_to_a_state_and_a_next_call(answers: tuple[Answer, ...], state: PaymentState, call: Call | None) -> None:
    attempt = _after(*answers)
    assert (attempt.state, attempt.next_call(wants_money=True)) == (state, call)


@pytest.mark.parametrize("answers", [(), (UNREACHABLE,), (TIMED_OUT,), (TIMED_OUT, NOT_FOUND), (PENDING,)])
def test_what_is_not_wanted_any_more_is_cancelled_never_sent(answers: tuple[Answer, ...]) -> None:
    assert _after(*answers).next_call(wants_money=False) is Call.CANCEL


@pytest.mark.parametrize("failure", [UNREACHABLE, TIMED_OUT, NOT_FOUND])
def test_after_five_retries_the_attempt_is_cancelled_at_the_provider(failure: Answer) -> None:
    assert _after(*[failure] * RETRIES).next_call(wants_money=True) is not Call.CANCEL
    assert _after(*[failure] * (RETRIES + 1)).next_call(wants_money=True) is Call.CANCEL


def test_not_knowing_the_attempt_after_a_timeout_costs_no_retry() -> None:
    assert _after(TIMED_OUT, NOT_FOUND).failures == 1
    assert _after(TIMED_OUT, NOT_FOUND, NOT_FOUND).failures == 2


def test_an_answer_that_he_works_on_it_forgives_failures() -> None:
    assert _after(*[TIMED_OUT] * RETRIES, PENDING, TIMED_OUT).failures == 1


@pytest.mark.parametrize(("late", "contradicts"), [(DECLINED, True), (CANCELED, True), (PENDING, False), (TIMED_OUT, False)])
def test_a_success_beats_whatever_is_heard_later_and_a_contradiction_is_kept(late: Answer, contradicts: bool) -> None:
    paid = FRESH.receive(eur(100), eur(100), "pi_1")
    after = paid.hear(late, NOW)
    assert after == replace(paid, has_late_failure=contradicts)
    assert after.state is PaymentState.SUCCEEDED


@pytest.mark.parametrize("early", [DECLINED, CANCELED])
def test_a_success_beats_what_was_heard_before(early: Answer) -> None:
    assert _after(early).receive(eur(100), eur(100), None).state is PaymentState.SUCCEEDED


def test_the_provider_was_unavailable_only_where_it_was_withdrawn_for_that() -> None:
    assert _after(*[UNREACHABLE] * (RETRIES + 1), CANCELED).failure_reason is FailureReason.PROVIDER_UNAVAILABLE
    assert _after(UNREACHABLE, CANCELED).failure_reason is None


def test_a_soft_decline_is_kept_as_one() -> None:
    assert _after(SOFT).decline_kind is DeclineKind.SOFT


def test_retries_back_off_exponentially_with_jitter_that_repeats() -> None:
    delays = [retry_time(NOW, "key", tries) - NOW for tries in range(1, 12)]
    assert delays == [retry_time(NOW, "key", tries) - NOW for tries in range(1, 12)]
    for tries, delay in enumerate(delays, start=1):
        full = min(timedelta(seconds=2 ** (tries - 1)), timedelta(seconds=60))
        assert full / 2 <= delay <= full
    assert retry_time(NOW, "other", 1) != retry_time(NOW, "key", 1)


def test_polls_back_off_from_one_second() -> None:
    seconds = [(poll_time(NOW, polls) - NOW).total_seconds() for polls in (1, 2, 3, 7, 40)]
    assert seconds == [1, 2, 4, 60, 60]
