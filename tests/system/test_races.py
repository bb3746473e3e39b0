"""Races of domain.md between real processes, by their number; `tests/saga` plays each of them in every order there is."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from cli.auditing.auditor import audit
from cli.client import CliProblem, Json, RestClient
from cli.rewind import rewind_all
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Placed, Stage, an_order
from cli.timeline import read_timeline
from cli.waiting import wait_until
from tests.killing import is_back, kill
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

ROUNDS = 8
REFUSED = 409


def _at_once(stage: Stage, *posts: tuple[str, Json]) -> list[Any]:
    """Let ops post everything in the same moment; the answers, or the problem of those that are refused."""
    start = Barrier(len(posts))

    def post(path: str, body: Json) -> Any:
        start.wait()
        try:
            return stage.ops.post(path, body)
        except CliProblem as problem:
            if problem.status != REFUSED:
                raise
            return problem

    with ThreadPoolExecutor(len(posts)) as callers:
        return [call.result() for call in [callers.submit(post, *one) for one in posts]]


def _whole(stage: Stage) -> None:
    assert [check for check in stage.checks if not check.holds] == []
    assert [invariant for invariant in audit(stage.client) if not invariant.holds] == []


def test_race_17_a_cancel_against_a_shipment(client: RestClient) -> None:
    stage = Stage(client, Silence())
    sku = stage.item("SHIP", stock=2 * ROUNDS)
    orders = [stage.place(f"order {number}", an_order(sku, 2)) for number in range(ROUNDS)]
    shipped = 0
    for number, placed in enumerate(orders):
        stage.until_state(placed, "CONFIRMED")
        cancel = f"/v1/orders/{placed.order_id}/cancel", {"reason": "CUSTOMER_REQUEST"}
        shipment: tuple[str, Json] = f"/v1/orders/{placed.order_id}/fulfillments", {"lines": []}
        answers = _at_once(stage, *((cancel, shipment) if number % 2 else (shipment, cancel)))
        (lost,) = [answer for answer in answers if isinstance(answer, CliProblem)]
        won = next(answer for answer in answers if not isinstance(answer, CliProblem))
        assert lost.problem_code == "ILLEGAL_STATE"
        shipped += "fulfillment_id" in won
        assert stage.order(placed)["state"] == ("FULFILLED" if "fulfillment_id" in won else "CANCELLED")
    for placed in orders:
        if stage.order(placed)["state"] == "CANCELLED":
            stage.until_settled(placed)
            stage.expect_balances(placed, a1000=0, a1100=0, a2200=0, a2300=0)
    left = 2 * (ROUNDS - shipped)
    stage.expect_stock(sku, on_hand=left, reserved=0, available=left)
    _whole(stage)


def test_race_18_a_receipt_against_a_new_order(client: RestClient) -> None:
    stage = Stage(client, Silence())
    for number in range(ROUNDS):
        sku = stage.item(f"NEW-{number}", stock=0)
        first = stage.place("the first", an_order(sku, 4))
        stage.until_state(first, "BACKORDERED")
        receipt = "/v1/inventory/receipts", {"reference": f"PO-{sku}", "lines": [{"sku": sku, "quantity": 5}]}
        received, answer = _at_once(stage, receipt, ("/v1/orders", an_order(sku, 2)))
        second = stage.watch("the second", answer)
        assert received["completed_order_ids"] == [first.order_id]
        stage.until_state(first, "CONFIRMED")
        stage.until_state(second, "BACKORDERED")
        stage.expect_soon("what the second holds", [1], partial(_held, stage, second))
        stage.expect_stock(sku, on_hand=5, reserved=5, available=0)
    _whole(stage)


def _held(stage: Stage, placed: Placed) -> list[int]:
    reservations = stage.reader.pages("/v1/inventory/reservations", "reservations", order_id=placed.order_id)
    return [line["held"] for reservation in reservations for line in reservation["lines"]]


def test_race_22_a_relay_that_is_killed_and_offsets_that_are_reset(stack: Stack, client: RestClient) -> None:
    stage = Stage(client, Silence())
    sku = stage.item("RELAY", stock=ROUNDS)
    restarts = stack.state.components["order_svc"].restarts
    orders = []
    for number in range(ROUNDS):
        orders.append(stage.place(f"order {number}", an_order(sku, 1)))
        if number == ROUNDS // 2:
            kill(stack, "order_svc")
    wait_until(partial(is_back, stack, "order_svc", restarts), bool, what="order_svc again", seconds=60)
    for placed in orders:
        stage.until_state(placed, "CONFIRMED")
    rewind_all(client)
    for placed in orders:
        steps = (read_timeline(stage.reader, placed.order_id) or {})["steps"]
        told = Counter(step["event_type"] for step in steps if step["event_type"] != "OrderStateChanged")
        assert told == Counter(told.keys()), "each once"
    stage.expect_stock(sku, on_hand=ROUNDS, reserved=ROUNDS, available=0)
    _whole(stage)
