"""Fees, balances and payouts: what came in is given back, kept as a fee or paid out, and nothing twice."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.sandbox_psp.behaviours import BEHAVIOURS
from tests.deploy.sandbox_psp.merchant import MovableClock, charge, code, listed, pay_out, refund


@pytest.mark.parametrize(
    ("received", "fee"), [(12_000, 193), (1, 1), (25, 25), (26, 25), (1_250, 43), (1_750, 49), (1_786, 50)]
)
def test_a_fee_is_kept_with_its_intent(psp: TestClient, received: int, fee: int) -> None:
    charge(psp, "attempt-1", minor_units=received)
    (kept,) = listed(psp, "fees")
    assert kept.pop("fee_id").startswith("fee_")
    assert kept == {
        "intent_key": "attempt-1",
        "minor_units": fee,
        "currency_code": "EUR",
        "create_time": "2027-01-15T08:00:00.000Z",
    }


def test_a_payout_is_the_whole_balance_and_there_is_no_second_one(psp: TestClient) -> None:
    charge(psp, "attempt-1")
    refund(psp, "refund-1", "attempt-1", 2_000)
    response = pay_out(psp, "EUR")
    assert response.status_code == 201
    payout = response.json()
    assert payout["payout_id"].startswith("po_")
    assert (payout["minor_units"], payout["currency_code"]) == (12_000 - 2_000 - 193, "EUR")
    assert listed(psp, "payouts") == [payout]
    again = pay_out(psp, "EUR")
    assert (again.status_code, code(again)) == (422, "nothing_to_pay_out")


def test_a_balance_below_zero_is_paid_out_when_more_has_come_in(psp: TestClient) -> None:
    charge(psp, "attempt-1")
    pay_out(psp, "EUR")
    refund(psp, "refund-1", "attempt-1", 12_000)
    charge(psp, "attempt-2")
    assert code(pay_out(psp, "EUR")) == "nothing_to_pay_out"
    charge(psp, "attempt-3")
    assert pay_out(psp, "EUR").json()["minor_units"] == 12_000 - 2 * 193


def test_what_is_pending_is_not_there_yet_and_what_is_to_be_refunded_no_longer(psp: TestClient, clock: MovableClock) -> None:
    charge(psp, "attempt-1", "pm_refund_slow")
    charge(psp, "attempt-2", "pm_slow")
    refund(psp, "refund-1", "attempt-1", 12_000)
    assert code(pay_out(psp, "EUR")) == "nothing_to_pay_out"
    clock.seconds += 2
    assert pay_out(psp, "EUR").json()["minor_units"] == 12_000 - 2 * 193


def test_a_payout_asked_for_ten_times_at_once_is_paid_once(psp: TestClient) -> None:
    charge(psp, "attempt-1")
    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(response.status_code for response in pool.map(lambda _: pay_out(psp, "EUR"), range(10)))
    assert statuses == [201] + [422] * 9


@pytest.mark.parametrize("currency_code", ["eur", "EURO", ""])
def test_a_payout_names_a_currency(psp: TestClient, currency_code: str) -> None:
    assert pay_out(psp, currency_code).status_code == 422


STEPS = st.tuples(st.sampled_from(sorted(BEHAVIOURS)), st.sampled_from(["EUR", "USD"]), st.integers(1, 10_000), st.booleans())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=8), st.uuids())
def test_nothing_is_left_and_nothing_is_made_whatever_came(
    psp: TestClient, clock: MovableClock, steps: list[tuple[str, str, int, bool]], example: object
) -> None:
    for number, (method, currency, units, is_refunded) in enumerate(steps):
        key = f"{example}-{number}"
        charge(psp, key, method, minor_units=units, currency_code=currency, reference=key)
        clock.seconds += 10
        if is_refunded:
            refund(psp, key, key, units // 2 + 1)
    clock.seconds += 10
    paid = {currency: pay_out(psp, currency).status_code == 201 for currency in ("EUR", "USD")}
    left = _left(psp)
    for currency, is_paid in paid.items():
        assert left[currency] == 0 if is_paid else left[currency] <= 0


def _left(psp: TestClient) -> Counter[str]:
    """What came in and is neither given back nor a fee nor paid out, by currency."""
    left: Counter[str] = Counter()
    for plural, sign in (("payment_intents", 1), ("refunds", -1), ("fees", -1), ("payouts", -1)):
        for item in listed(psp, plural):
            if item.get("state", "SUCCEEDED") == "SUCCEEDED":
                units = item.get("received_minor_units") or item["minor_units"]
                left[item.get("received_currency_code") or item["currency_code"]] += sign * units
    return left
