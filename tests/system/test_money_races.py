"""Races of domain.md about money between real processes, the provider's among them; `tests/saga` plays them in every order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import pytest

from cli.auditing.auditor import audit
from cli.client import Json, RestClient
from cli.scenarios import money, ways_to_pay
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Placed, Stage, an_order
from cli.waiting import wait_until
from tests.faults.promises import PROVIDER_KEY
from tests.killing import is_back, kill
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

SLOW = tuple(method for method in ways_to_pay.WAYS if method not in ways_to_pay.QUICK)
SECONDS = 60.0


def _listed(stack: Stack, placed: Placed) -> list[Json]:
    """What the provider's own list has of an order."""
    return [intent for intent in _all(stack, "payment_intents") if intent["reference"] == placed.order_id]


def _all(stack: Stack, plural: str) -> Iterator[Json]:
    after = 0
    while after is not None:
        answer = _ask(stack, "GET", plural, params={"limit": 1000, "after": after})
        yield from answer["data"]
        after = answer["next"]


def _ask(stack: Stack, method: str, plural: str, **more: Any) -> Json:
    url = f"http://127.0.0.1:{stack.state.components['psp'].port}/v1/{plural}"
    answer: Json = httpx2.request(method, url, headers=PROVIDER_KEY, trust_env=False, **more).raise_for_status().json()
    return answer


def _whole(stage: Stage) -> None:
    stage.expect_balanced_books()
    stage.expect_soon("reconciled with the provider", [], partial(money.differences, stage))
    assert [check for check in stage.checks if not check.holds] == []
    assert [invariant for invariant in audit(stage.client) if not invariant.holds] == []


def _payments(stage: Stage, placed: Placed) -> int:
    """How often money of an order was booked."""
    journals = stage.reader.pages("/v1/ledger/journals", "journals", order_id=placed.order_id)
    return sum(journal["kind"] == "PAYMENT" for journal in journals)


def test_race_7_money_that_comes_after_the_cancel_is_given_back(stack: Stack, client: RestClient) -> None:
    stage = Stage(client, Silence())
    sku = stage.item("LATE", stock=1)
    placed = stage.place("late", an_order(sku, 1, method="pm_timeout_then_ok"))
    stage.until(placed, lambda: len(_listed(stack, placed)) == 1, "the charge at the provider")
    stage.buyer.post(f"/v1/orders/{placed.order_id}/cancel", {"reason": "CUSTOMER_REQUEST"})
    assert stage.until_settled(placed, seconds=SECONDS)["state"] == "CANCELLED"
    assert [intent["state"] for intent in _listed(stack, placed)] == ["SUCCEEDED"]
    stage.expect("attempts", ["SUCCEEDED"], money.payments(stage, placed))
    stage.expect("refunds", [["SUCCEEDED", placed.total["minor_units"]]], money.refunds(stage, placed))
    stage.expect_balances(placed, a1000=0, a1100=0, a2100=0, a2200=0, a2300=0)
    stage.expect_stock(sku, on_hand=1, reserved=0, available=1)
    _whole(stage)


def _journal(stage: Stage, account: str, ref: str) -> dict[tuple[str, str], int]:
    """What a journal moves, by account and side; nothing while it is not there."""
    for journal in stage.reader.pages("/v1/ledger/journals", "journals", account=account):
        if journal["ref"] == ref:
            return {(entry["account"], entry["side"]): entry["amount"]["minor_units"] for entry in journal["entries"]}
    return {}


def test_what_the_provider_keeps_and_pays_out_is_booked(stack: Stack, client: RestClient) -> None:
    stage = Stage(client, Silence())
    placed = stage.place("paid", an_order(stage.item("PAID", stock=10), 10, method="pm_ok"))
    stage.until_state(placed, "CONFIRMED", SECONDS)
    (paid,) = _listed(stack, placed)
    (fee,) = [fee for fee in _all(stack, "fees") if fee["intent_key"] == paid["key"]]
    payout = _ask(stack, "POST", "payouts", json={"currency_code": "EUR"})
    assert payout["minor_units"] > 0  # what else is paid and given back meanwhile counts too
    for account, ref, told in (("5100", f"fee/{fee['fee_id']}", fee), ("1010", f"payout/{payout['payout_id']}", payout)):
        booked = {(account, "DEBIT"): told["minor_units"], ("1000", "CREDIT"): told["minor_units"]}
        stage.expect_soon(ref, booked, partial(_journal, stage, account, ref))
    _whole(stage)


@pytest.mark.parametrize("victim", ["billing_svc", "psp"])
def test_race_11_a_timeout_and_a_death_in_it_are_one_charge(stack: Stack, client: RestClient, victim: str) -> None:
    stage = Stage(client, Silence())
    sku = stage.item("ONCE", stock=1)
    restarts = stack.state.components[victim].restarts
    placed = stage.place("once", an_order(sku, 1, method="pm_timeout_then_ok"))
    stage.until(placed, lambda: len(_listed(stack, placed)) == 1, "the charge at the provider")
    kill(stack, victim)
    wait_until(partial(is_back, stack, victim, restarts), bool, what=f"{victim} again", seconds=SECONDS)
    stage.until_state(placed, "CONFIRMED", SECONDS)
    stage.expect("charges", ["SUCCEEDED"], [intent["state"] for intent in _listed(stack, placed)])
    stage.expect("journals", 1, _payments(stage, placed))
    stage.expect("attempts", ["SUCCEEDED"], money.payments(stage, placed))
    _whole(stage)


@pytest.mark.full
@pytest.mark.parametrize("method", SLOW)
def test_every_way_to_pay_ends_as_it_should(client: RestClient, method: str) -> None:
    stage = Stage(client, Silence())
    ways_to_pay.play(stage, (method,))
    _whole(stage)
