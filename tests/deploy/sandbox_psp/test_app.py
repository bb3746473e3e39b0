"""The provider as a merchant sees it: behaviours, idempotency, inquiry, cancel, refunds, lists, authentication."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.deploy.sandbox_psp.merchant import MovableClock, charge, code, pay_out, refund


def test_pm_ok_succeeds_at_once(psp: TestClient) -> None:
    response = charge(psp, "attempt-1")
    assert response.status_code == 201
    intent = response.json()
    assert intent.pop("intent_id").startswith("pi_")
    assert intent == {
        "key": "attempt-1",
        "state": "SUCCEEDED",
        "decline_kind": None,
        "decline_code": None,
        "minor_units": 12_000,
        "currency_code": "EUR",
        "received_minor_units": 12_000,
        "received_currency_code": "EUR",
        "payment_method": "pm_ok",
        "reference": "order-1",
        "create_time": "2027-01-15T08:00:00.000Z",
    }


@pytest.mark.parametrize(("method", "reason"), [("pm_declined_hard", "do_not_honor"), ("pm_none_such", "unknown_method")])
def test_declines_are_hard_and_say_why(psp: TestClient, method: str, reason: str) -> None:
    intent = charge(psp, "attempt-1", method).json()
    assert (intent["state"], intent["decline_kind"], intent["decline_code"]) == ("DECLINED", "hard", reason)


def test_pm_slow_is_pending_until_its_time_and_inquiry_sees_it(psp: TestClient, clock: MovableClock) -> None:
    assert charge(psp, "attempt-1", "pm_slow").json()["state"] == "PENDING"
    clock.seconds += 1.4
    assert psp.get("/v1/payment_intents/attempt-1").json()["state"] == "PENDING"
    clock.seconds += 0.2
    assert psp.get("/v1/payment_intents/attempt-1").json()["state"] == "SUCCEEDED"


def test_same_key_and_body_answers_the_same_intent(psp: TestClient) -> None:
    first, second = charge(psp, "attempt-1"), charge(psp, "attempt-1")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


@pytest.mark.parametrize(
    "change", [{"minor_units": 1}, {"currency_code": "USD"}, {"method": "pm_slow"}, {"reference": "order-2"}]
)
def test_same_key_with_another_body_is_a_conflict(psp: TestClient, change: dict[str, Any]) -> None:
    charge(psp, "attempt-1")
    response = charge(psp, "attempt-1", **change)
    assert (response.status_code, code(response)) == (409, "idempotency_mismatch")


def test_one_key_thirty_times_at_once_is_one_intent(psp: TestClient) -> None:
    with ThreadPoolExecutor(10) as pool:
        responses = list(pool.map(lambda _: charge(psp, "attempt-1"), range(30)))
    assert sorted(r.status_code for r in responses) == [200] * 29 + [201]
    assert len({r.json()["intent_id"] for r in responses}) == 1
    assert len(psp.get("/v1/payment_intents").json()["data"]) == 1


def test_inquiry_about_an_unknown_key_is_not_found(psp: TestClient) -> None:
    response = psp.get("/v1/payment_intents/attempt-1")
    assert (response.status_code, code(response)) == (404, "intent_not_found")


def test_canceling_a_pending_intent_keeps_it_from_succeeding(psp: TestClient, clock: MovableClock) -> None:
    charge(psp, "attempt-1", "pm_slow")
    assert psp.post("/v1/payment_intents/attempt-1/cancel").json()["state"] == "CANCELED"
    clock.seconds += 10
    assert psp.get("/v1/payment_intents/attempt-1").json()["state"] == "CANCELED"


def test_canceling_an_unknown_key_bars_it_for_ever(psp: TestClient) -> None:
    tombstone = psp.post("/v1/payment_intents/attempt-1/cancel")
    assert (tombstone.status_code, tombstone.json()["state"], tombstone.json()["minor_units"]) == (200, "CANCELED", None)
    late = charge(psp, "attempt-1")
    assert (late.status_code, late.json()["state"]) == (200, "CANCELED")
    assert refund(psp, "refund-1", "attempt-1", 1).status_code == 409


@pytest.mark.parametrize(
    ("method", "state"), [("pm_ok", "SUCCEEDED"), ("pm_slow", "SUCCEEDED"), ("pm_declined_hard", "DECLINED")]
)
def test_cancel_leaves_a_finished_intent_as_it_is(psp: TestClient, clock: MovableClock, method: str, state: str) -> None:
    charge(psp, "attempt-1", method)
    clock.seconds += 10
    assert psp.post("/v1/payment_intents/attempt-1/cancel").json()["state"] == state
    assert psp.get("/v1/payment_intents/attempt-1").json()["state"] == state


def test_refunds_never_exceed_their_intent(psp: TestClient) -> None:
    charge(psp, "attempt-1", minor_units=100)
    first = refund(psp, "refund-1", "attempt-1", 60)
    assert (first.status_code, first.json()["state"], first.json()["currency_code"]) == (201, "SUCCEEDED", "EUR")
    too_much = refund(psp, "refund-2", "attempt-1", 41)
    assert (too_much.status_code, code(too_much)) == (422, "refund_exceeds_intent")
    assert refund(psp, "refund-2", "attempt-1", 40).status_code == 201
    assert refund(psp, "refund-3", "attempt-1", 1).status_code == 422


def test_refunds_at_once_never_exceed_their_intent(psp: TestClient) -> None:
    charge(psp, "attempt-1", minor_units=100)
    with ThreadPoolExecutor(10) as pool:
        responses = list(pool.map(lambda n: refund(psp, f"refund-{n}", "attempt-1", 30), range(10)))
    assert sorted(r.status_code for r in responses) == [201] * 3 + [422] * 7


def test_same_refund_key_gives_money_back_once(psp: TestClient) -> None:
    charge(psp, "attempt-1", minor_units=100)
    first, second = refund(psp, "refund-1", "attempt-1", 100), refund(psp, "refund-1", "attempt-1", 100)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() == psp.get("/v1/refunds/refund-1").json()
    assert code(refund(psp, "refund-1", "attempt-1", 99)) == "idempotency_mismatch"


def test_only_what_succeeded_is_refunded(psp: TestClient) -> None:
    unknown = refund(psp, "refund-1", "attempt-1", 1)
    assert (unknown.status_code, code(unknown)) == (404, "intent_not_found")
    for method in ("pm_slow", "pm_declined_hard"):
        charge(psp, method, method)
        response = refund(psp, "refund-1", method, 1)
        assert (response.status_code, code(response)) == (409, "intent_not_succeeded")
    assert psp.get("/v1/refunds/refund-1").status_code == 404


def _paged(psp: TestClient, plural: str, name: str) -> list[str]:
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = psp.get(f"/v1/{plural}", params={"limit": 2, "after": after}).json()
        found += [item[name] for item in page["data"]]
        after = page["next"]
    return found


def test_lists_page_through_everything_oldest_first(psp: TestClient) -> None:
    payouts = []
    for n in range(5):
        charge(psp, f"attempt-{n}")
        refund(psp, f"refund-{n}", f"attempt-{n}", 1)
        payouts.append(pay_out(psp, "EUR").json()["payout_id"])
    attempts = [f"attempt-{n}" for n in range(5)]
    assert _paged(psp, "payment_intents", "key") == _paged(psp, "fees", "intent_key") == attempts
    assert _paged(psp, "refunds", "key") == [f"refund-{n}" for n in range(5)]
    assert _paged(psp, "payouts", "payout_id") == payouts
    told = ["payment_intent.succeeded", "fee.charged", "refund.succeeded", "payout.paid"]
    assert _paged(psp, "webhooks", "type") == told * 5


@pytest.mark.parametrize("plural", ["payment_intents", "refunds", "fees", "payouts", "webhooks"])
@pytest.mark.parametrize("place", [{"after": -1}, {"after": 2**63}, {"limit": 0}, {"limit": 1001}])
def test_a_page_that_cannot_be_is_refused(psp: TestClient, plural: str, place: dict[str, int]) -> None:
    assert psp.get(f"/v1/{plural}", params=place).status_code == 422


@pytest.mark.parametrize(
    "change", [{"minor_units": 0}, {"minor_units": -1}, {"minor_units": 1.5}, {"minor_units": 2**63}, {"currency_code": "eur"}]
)
def test_malformed_charges_are_refused_and_leave_nothing(psp: TestClient, change: dict[str, Any]) -> None:
    assert charge(psp, "attempt-1", **change).status_code == 422
    assert psp.get("/v1/payment_intents").json()["data"] == []


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a b"}, {"Idempotency-Key": "a" * 256}])
def test_a_charge_without_a_proper_key_is_refused(psp: TestClient, headers: dict[str, str]) -> None:
    body = {"minor_units": 1, "currency_code": "EUR", "payment_method": "pm_ok"}
    assert psp.post("/v1/payment_intents", headers=headers, json=body).status_code == 422


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic sandbox-key", "Bearer é"])
def test_everything_but_liveness_wants_the_key(psp: TestClient, authorization: str) -> None:
    response = psp.get("/v1/payment_intents", headers={b"Authorization": authorization.encode("latin-1")})
    assert (response.status_code, code(response)) == (401, "invalid_key")
    assert psp.get("/livez", headers={"Authorization": ""}).json() == {"live": True}
