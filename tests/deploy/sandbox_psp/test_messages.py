"""A message on its way: when it is tried again, when it rests, and what state it shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.sandbox_psp.messages import Message

NOW = 1_800_000_000.0
DAY = 24 * 3600.0
FRESH = Message(1, "msg_1", "fee.charged", "{}", 1, 0, 0, 0, None, NOW, NOW)


@pytest.mark.parametrize("status", [None, 500, 503, 301, 408, 409, 429, 100])
def test_what_may_pass_is_tried_again_later_and_later(status: int | None) -> None:
    message, delays = FRESH, []
    for _ in range(9):
        message = message.after(status, NOW)
        assert message.next_try_time is not None
        delays.append(message.next_try_time - NOW)
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert (message.state, message.tries, message.status) == ("WAITING", 9, status)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_delivers(status: int) -> None:
    message = FRESH.after(None, NOW).after(status, NOW)
    assert (message.state, message.tries, message.status, message.next_try_time) == ("DELIVERED", 2, status, None)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 499])
def test_other_4xx_are_final(status: int) -> None:
    message = FRESH.after(status, NOW)
    assert (message.state, message.status, message.next_try_time) == ("REFUSED", status, None)


def test_it_is_given_up_after_a_day() -> None:
    assert replace(FRESH, failures=20).after(503, NOW + DAY - 30).state == "WAITING"
    assert replace(FRESH, failures=20).after(503, NOW + DAY - 29).state == "GIVEN_UP"


def test_more_deliveries_are_wanted_than_one_and_failures_between_them_begin_anew() -> None:
    message = replace(FRESH, wanted=3)
    for status, state, delay in ((204, "WAITING", 0.0), (503, "WAITING", 0.5), (503, "WAITING", 1.0), (204, "WAITING", 0.0)):
        message = message.after(status, NOW)
        assert (message.state, message.next_try_time) == (state, NOW + delay)
    assert message.after(503, NOW).next_try_time == NOW + 0.5
    assert message.after(204, NOW).state == "DELIVERED"


@pytest.mark.parametrize("status", [204, 404])
def test_what_rests_is_sent_once_more(status: int) -> None:
    resent = FRESH.after(status, NOW).resent(NOW + 9)
    assert (resent.state, resent.next_try_time) == ("WAITING", NOW + 9)
    assert resent.after(204, NOW + 9).state == "DELIVERED"


def test_what_was_given_up_has_another_day() -> None:
    given_up = replace(FRESH, failures=20).after(503, NOW + DAY)
    assert given_up.resent(NOW + DAY).after(503, NOW + 2 * DAY - 1).state == "WAITING"


def test_what_waits_is_due_at_once_and_not_wanted_twice() -> None:
    waiting = FRESH.after(503, NOW).after(503, NOW)
    resent = waiting.resent(NOW)
    assert resent.next_try_time == NOW
    assert resent.after(204, NOW).state == "DELIVERED"
