"""What each payment method does at the provider, as the merchant sees it through his calls."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from deploy.sandbox_psp.behaviours import BEHAVIOURS
from tests.deploy.sandbox_psp.merchant import MovableClock, Pauses, charge, code, inquire, listed, refund

CANCELED = "payment_intent.canceled"
SUCCEEDED = ["payment_intent.succeeded", "fee.charged"]


def _cancel(psp: TestClient, key: str) -> Any:
    return psp.post(f"/v1/payment_intents/{key}/cancel")


def _state(psp: TestClient, key: str) -> str:
    return str(inquire(psp, key).json()["state"])


def _told(psp: TestClient) -> list[str]:
    return [message["type"] for message in listed(psp, "webhooks")]


def _declined(intent: dict[str, Any]) -> tuple[str, str, str]:
    assert intent["received_minor_units"] is intent["received_currency_code"] is None
    return intent["state"], intent["decline_kind"], intent["decline_code"]


PAYS_AT_ONCE = sorted(
    set(BEHAVIOURS)
    - {"pm_slow", "pm_declined_soft", "pm_soft_twice_then_ok", "pm_declined_hard", "pm_down"}
    - {"pm_timeout_then_ok", "pm_timeout_then_declined", "pm_lost_then_arrives"}
)


@pytest.mark.parametrize("method", PAYS_AT_ONCE)
def test_what_pays_at_once_is_told_once_with_its_fee(psp: TestClient, pauses: Pauses, method: str) -> None:
    response = charge(psp, "attempt-1", method)
    assert (response.status_code, response.json()["state"]) == (201, "SUCCEEDED")
    assert _told(psp) == SUCCEEDED
    assert pauses.seconds == []


def test_pm_slow_is_told_when_it_settles_and_not_before(psp: TestClient, clock: MovableClock) -> None:
    intent = charge(psp, "attempt-1", "pm_slow").json()
    assert intent["received_minor_units"] is None
    clock.seconds += 1.4
    assert (_told(psp), listed(psp, "fees")) == ([], [])
    clock.seconds += 10
    assert _told(psp) == SUCCEEDED
    assert [fee["create_time"] for fee in listed(psp, "fees")] == ["2027-01-15T08:00:01.500Z"]
    assert inquire(psp, "attempt-1").json()["received_minor_units"] == 12_000


def test_a_slow_intent_that_is_canceled_costs_nothing_and_is_told_once(psp: TestClient, clock: MovableClock) -> None:
    charge(psp, "attempt-1", "pm_slow")
    for _ in range(2):
        assert _cancel(psp, "attempt-1").json()["state"] == "CANCELED"
    clock.seconds += 10
    assert (_told(psp), listed(psp, "fees")) == ([CANCELED], [])


def test_pm_declined_soft_is_soft_each_time(psp: TestClient) -> None:
    for n in range(4):
        intent = charge(psp, f"attempt-{n}", "pm_declined_soft").json()
        assert _declined(intent) == ("DECLINED", "soft", "insufficient_funds")
    assert _told(psp) == ["payment_intent.declined"] * 4
    assert listed(psp, "fees") == []


def test_pm_soft_twice_then_ok_counts_the_intents_of_each_reference(psp: TestClient) -> None:
    charge(psp, "other", "pm_soft_twice_then_ok", reference="order-2")
    for n in range(2):
        intent = charge(psp, f"attempt-{n}", "pm_soft_twice_then_ok").json()
        assert _declined(intent) == ("DECLINED", "soft", "insufficient_funds")
        assert charge(psp, f"attempt-{n}", "pm_soft_twice_then_ok").json() == intent
    assert charge(psp, "attempt-3", "pm_soft_twice_then_ok").json()["state"] == "SUCCEEDED"
    assert charge(psp, "another", "pm_soft_twice_then_ok", reference="order-2").json()["state"] == "DECLINED"


@pytest.mark.parametrize(("method", "state"), [("pm_timeout_then_ok", "SUCCEEDED"), ("pm_timeout_then_declined", "DECLINED")])
def test_a_timeout_is_recorded_at_once_and_answered_late(psp: TestClient, pauses: Pauses, method: str, state: str) -> None:
    meanwhile: list[Any] = []
    pauses.meanwhile = lambda: meanwhile.extend([inquire(psp, "attempt-1"), charge(psp, "attempt-1", method)])
    first = charge(psp, "attempt-1", method)
    assert [answer.status_code for answer in (first, *meanwhile)] == [201, 200, 200]
    assert {answer.json()["state"] for answer in (first, *meanwhile)} == {state}
    assert charge(psp, "attempt-1", method).json() == first.json()
    assert pauses.seconds == [6.0]
    assert len(listed(psp, "payment_intents")) == 1


def test_pm_down_is_refused_each_time_and_leaves_nothing_but_what_is_canceled(psp: TestClient, clock: MovableClock) -> None:
    for _ in range(3):
        response = charge(psp, "attempt-1", "pm_down")
        assert (response.status_code, response.json()) == (503, {"error": {"code": "unavailable"}})
        assert inquire(psp, "attempt-1").status_code == 404
    clock.seconds += 100
    assert (listed(psp, "payment_intents"), _told(psp)) == ([], [])
    assert _cancel(psp, "attempt-1").json()["state"] == "CANCELED"
    assert charge(psp, "attempt-1", "pm_down").json()["state"] == "CANCELED"
    assert _told(psp) == []


def test_pm_lost_hangs_is_unknown_and_arrives_by_itself(psp: TestClient, clock: MovableClock, pauses: Pauses) -> None:
    meanwhile: list[Any] = []
    pauses.meanwhile = lambda: meanwhile.append(inquire(psp, "attempt-1"))
    first = charge(psp, "attempt-1", "pm_lost_then_arrives")
    assert (first.status_code, code(first), pauses.seconds) == (504, "timed_out", [6.0])
    assert meanwhile[0].status_code == 404
    charge(psp, "later", "pm_ok")
    clock.seconds += 7.9
    assert inquire(psp, "attempt-1").status_code == 404
    clock.seconds += 0.1
    arrived = inquire(psp, "attempt-1").json()
    assert (arrived["state"], arrived["create_time"]) == ("SUCCEEDED", "2027-01-15T08:00:08.000Z")
    assert [intent["key"] for intent in listed(psp, "payment_intents")] == ["later", "attempt-1"]
    assert _told(psp) == SUCCEEDED * 2
    assert charge(psp, "attempt-1", "pm_lost_then_arrives").json() == arrived


def test_a_lost_call_finds_its_key_barred(psp: TestClient, clock: MovableClock) -> None:
    charge(psp, "attempt-1", "pm_lost_then_arrives")
    assert _cancel(psp, "attempt-1").json()["state"] == "CANCELED"
    clock.seconds += 100
    assert _state(psp, "attempt-1") == "CANCELED"
    assert charge(psp, "attempt-1", "pm_lost_then_arrives").json()["state"] == "CANCELED"
    assert (_told(psp), listed(psp, "fees")) == ([], [])


def test_a_lost_call_that_is_sent_again_is_one_intent(psp: TestClient, clock: MovableClock, pauses: Pauses) -> None:
    charge(psp, "attempt-1", "pm_lost_then_arrives")
    clock.seconds += 3
    again = charge(psp, "attempt-1", "pm_lost_then_arrives")
    assert (again.status_code, again.json()["state"], pauses.seconds) == (201, "SUCCEEDED", [6.0])
    clock.seconds += 100
    assert inquire(psp, "attempt-1").json() == again.json()
    assert (len(listed(psp, "payment_intents")), _told(psp)) == (1, SUCCEEDED)


def test_pm_late_failure_is_reported_and_not_true(psp: TestClient, clock: MovableClock) -> None:
    intent = charge(psp, "attempt-1", "pm_late_failure_after_success").json()
    clock.seconds += 7.9
    assert _told(psp) == SUCCEEDED
    clock.seconds += 0.1
    assert _told(psp) == [*SUCCEEDED, "payment_intent.declined"]
    assert inquire(psp, "attempt-1").json() == intent
    assert refund(psp, "refund-1", "attempt-1", 12_000).json()["state"] == "SUCCEEDED"


@pytest.mark.parametrize(("asked", "received"), [(12_000, 6_000), (101, 50), (2, 1), (1, 1)])
def test_pm_wrong_amount_brings_half(psp: TestClient, asked: int, received: int) -> None:
    intent = charge(psp, "attempt-1", "pm_wrong_amount", minor_units=asked).json()
    assert (intent["minor_units"], intent["received_minor_units"]) == (asked, received)
    assert intent["currency_code"] == intent["received_currency_code"] == "EUR"
    too_much = refund(psp, "refund-1", "attempt-1", received + 1)
    assert (too_much.status_code, code(too_much)) == (422, "refund_exceeds_intent")
    assert refund(psp, "refund-1", "attempt-1", received).status_code == 201


@pytest.mark.parametrize(("asked", "received"), [("EUR", "USD"), ("USD", "EUR"), ("JPY", "USD")])
def test_pm_wrong_currency_brings_the_same_number_of_another(psp: TestClient, asked: str, received: str) -> None:
    intent = charge(psp, "attempt-1", "pm_wrong_currency", currency_code=asked).json()
    assert (intent["currency_code"], intent["received_currency_code"]) == (asked, received)
    assert intent["minor_units"] == intent["received_minor_units"] == 12_000
    assert refund(psp, "refund-1", "attempt-1", 12_000).json()["currency_code"] == received
    assert [fee["currency_code"] for fee in listed(psp, "fees")] == [received]


def test_pm_refund_fails_six_times_and_then_gives_back_once(psp: TestClient) -> None:
    charge(psp, "attempt-1", "pm_refund_fails")
    answers = [refund(psp, "refund-1", "attempt-1", 12_000) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [201] + [200] * 7
    assert [answer.json()["state"] for answer in answers] == ["FAILED"] * 6 + ["SUCCEEDED"] * 2
    assert {answer.json()["failure_code"] for answer in answers[:6]} == {"refund_rejected"}
    assert answers[7].json() == psp.get("/v1/refunds/refund-1").json()
    assert answers[7].json()["failure_code"] is None
    assert _told(psp) == [*SUCCEEDED, "refund.failed", "refund.succeeded"]


def test_a_refund_that_failed_gives_nothing_back_and_keeps_no_place(psp: TestClient) -> None:
    charge(psp, "attempt-1", "pm_refund_fails")
    for _ in range(6):
        refund(psp, "refund-1", "attempt-1", 7_000)
        refund(psp, "refund-2", "attempt-1", 7_000)
    assert refund(psp, "refund-1", "attempt-1", 7_000).json()["state"] == "SUCCEEDED"
    too_much = refund(psp, "refund-2", "attempt-1", 7_000)
    assert (too_much.status_code, code(too_much)) == (422, "refund_exceeds_intent")
    assert psp.get("/v1/refunds/refund-2").json()["state"] == "FAILED"


def test_pm_refund_slow_is_pending_until_its_time(psp: TestClient, clock: MovableClock) -> None:
    charge(psp, "attempt-1", "pm_refund_slow")
    assert refund(psp, "refund-1", "attempt-1", 12_000).json()["state"] == "PENDING"
    assert refund(psp, "refund-2", "attempt-1", 1).status_code == 422
    clock.seconds += 1.4
    assert refund(psp, "refund-1", "attempt-1", 12_000).json()["state"] == "PENDING"
    assert _told(psp) == SUCCEEDED
    clock.seconds += 0.1
    assert refund(psp, "refund-1", "attempt-1", 12_000).json()["state"] == "SUCCEEDED"
    assert _told(psp) == [*SUCCEEDED, "refund.succeeded"]
