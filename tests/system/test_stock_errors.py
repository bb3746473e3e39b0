"""Bad input about stock over REST: the status, the code, the place and a hint; and nothing has changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cli.client import CliProblem, Json, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order, euros
from tests.system.test_errors import pointers

pytestmark = pytest.mark.stack

HUGE = 10**13
ADJUSTMENTS, RECEIPTS = "/v1/inventory/adjustments", "/v1/inventory/receipts"
INVALID = (422, "VALIDATION_FAILED")


@pytest.fixture(scope="module")
def stage(client: RestClient) -> Stage:
    """A stage whose orders are never shipped."""
    return Stage(client, Silence())


@pytest.fixture(scope="module")
def sku(stage: Stage) -> str:
    """An item with 5 on hand, 3 of them held for an order."""
    sku = stage.item("LAMP", stock=5)
    order = stage.place("order", an_order(sku, 3))
    stage.until_state(order, "CONFIRMED")
    return sku


def _seen(stage: Stage, sku: str) -> tuple[Any, ...]:
    """All that can be seen of an item: itself, its movements, and what was told about it."""
    movements = list(stage.reader.pages(f"/v1/inventory/items/{sku}/movements", "movements"))
    told = list(stage.reader.pages("/v1/ops/inventory/outbox", "events", stream_key=sku))
    return stage.reader.get(f"/v1/inventory/items/{sku}"), movements, [event["event_id"] for event in told]


@contextmanager
def _refused(stage: Stage, sku: str, answer: tuple[int, str], *places: str) -> Iterator[None]:
    """What happens within is refused with this status, code and places, each with a reason, and changes nothing."""
    before = _seen(stage, sku)
    with pytest.raises(CliProblem) as refused:
        yield
    problem = refused.value
    assert ((problem.status, problem.problem_code), pointers(problem)) == (answer, list(places))
    assert problem.document["hint"]
    assert all(error["reason"] and error["detail"] for error in problem.document.get("errors", ()))
    assert _seen(stage, sku) == before


def _lines(sku: str, *quantities: int) -> list[Json]:
    return [{"sku": sku, "quantity": quantity} for quantity in quantities]


ADJUSTMENT_CASES: dict[str, tuple[tuple[int, str], str, int | list[Json], str]] = {
    "below what is held": ((409, "STOCK_IN_USE"), "DAMAGED", -3, "/lines/0/quantity"),
    "below zero": ((409, "STOCK_IN_USE"), "DAMAGED", -6, "/lines/0/quantity"),
    "no reason": (INVALID, "", -1, "/reason"),
    "a change of cost": (INVALID, "COST_CHANGED", -1, "/reason"),
    "another reason": ((400, "MALFORMED_JSON"), "THEFT", -1, "/reason"),
    "no units": (INVALID, "COUNT", 0, "/lines/0/quantity"),
    "10^13 more": (INVALID, "COUNT", HUGE, "/lines/0/quantity"),
    "10^13 less": (INVALID, "COUNT", -HUGE, "/lines/0/quantity"),
    "no lines": (INVALID, "COUNT", [], "/lines"),
    "an unknown item": (INVALID, "COUNT", _lines(f"NO-{uuid.uuid4().hex[:8]}", 1), "/lines/0/sku"),
}


@pytest.mark.parametrize("name", ADJUSTMENT_CASES)
def test_bad_adjustment_is_refused_and_changes_nothing(stage: Stage, sku: str, name: str) -> None:
    answer, reason, wanted, place = ADJUSTMENT_CASES[name]
    lines = _lines(sku, wanted) if isinstance(wanted, int) else wanted
    body = {"reason": reason, "lines": lines} if reason else {"lines": lines}
    with _refused(stage, sku, answer, place):
        stage.ops.post(ADJUSTMENTS, body)


def test_adjustment_below_what_is_held_names_the_order_and_what_is_free(stage: Stage, sku: str) -> None:
    with pytest.raises(CliProblem) as refused:
        stage.ops.post(ADJUSTMENTS, {"reason": "LOST", "lines": _lines(sku, -3)})
    (error,) = refused.value.document["errors"]
    held = f"5 on hand, 3 held for orders such as {stage.orders[0].order_id}"
    assert error["detail"] == f"takes 3 of {sku}, of which 2 are free: {held}"


def test_adjustment_is_refused_whole(stage: Stage, sku: str) -> None:
    other = f"{sku}-B"
    stage.ops.post("/v1/inventory/items", {"sku": other, "name": "other", "standard_cost": euros(1)})
    lines = _lines(other, 7) + _lines(sku, -3)
    with _refused(stage, sku, (409, "STOCK_IN_USE"), "/lines/1/quantity"), _refused_too(stage, other):
        stage.ops.post(ADJUSTMENTS, {"reason": "COUNT", "lines": lines})


@contextmanager
def _refused_too(stage: Stage, sku: str) -> Iterator[None]:
    """What happens within changes nothing here either."""
    before = _seen(stage, sku)
    try:
        yield
    finally:
        assert _seen(stage, sku) == before


@pytest.mark.parametrize("path", [ADJUSTMENTS, RECEIPTS])
def test_the_same_item_twice_and_too_many_lines_are_refused(stage: Stage, sku: str, path: str) -> None:
    head = {"reason": "COUNT"} if path == ADJUSTMENTS else {"reference": "PO-1"}
    with _refused(stage, sku, INVALID, ""):
        stage.ops.post(path, head | {"lines": _lines(sku, 1, 2)})
    with _refused(stage, sku, INVALID, "/lines"):
        stage.ops.post(path, head | {"lines": [{"sku": f"S-{n}", "quantity": 1} for n in range(501)]})


@pytest.mark.parametrize("quantity", [0, -1, HUGE])
def test_bad_receipt_is_refused_and_changes_nothing(stage: Stage, sku: str, quantity: int) -> None:
    with _refused(stage, sku, INVALID, "/lines/0/quantity"):
        stage.ops.post(RECEIPTS, {"reference": "PO-1", "lines": _lines(sku, quantity)})


def test_receipt_of_an_unknown_item_is_refused_whole(stage: Stage, sku: str) -> None:
    with _refused(stage, sku, INVALID, "/lines/1/sku"):
        stage.ops.post(RECEIPTS, {"reference": "PO-1", "lines": [*_lines(sku, 1), *_lines(f"{sku}-unknown", 1)]})


ITEM_CASES: dict[str, tuple[tuple[int, str], Json, tuple[str, ...]]] = {
    "another currency": (
        INVALID,
        {"standard_cost": {"currency_code": "USD", "minor_units": 5}},
        ("/standard_cost/currency_code",),
    ),
    "a negative cost": (INVALID, {"standard_cost": euros(-1)}, ("/standard_cost",)),
    "a cost above 10^9": (INVALID, {"standard_cost": euros(10**9 + 1)}, ("/standard_cost",)),
    "a cost of 10^13": (INVALID, {"standard_cost": euros(HUGE)}, ("/standard_cost",)),
    "nothing": (INVALID, {}, ("",)),
    "an empty name": (INVALID, {"name": ""}, ("/name",)),
    "an unknown field": ((400, "UNKNOWN_FIELD"), {"on_hand": 7}, ("/on_hand",)),
    "another version": ((412, "VERSION_MISMATCH"), {"name": "lamp", "expected_version": 1}, ()),
}


@pytest.mark.parametrize("name", ITEM_CASES)
def test_bad_change_of_an_item_is_refused_and_changes_nothing(stage: Stage, sku: str, name: str) -> None:
    answer, body, places = ITEM_CASES[name]
    with _refused(stage, sku, answer, *places):
        stage.ops.patch(f"/v1/inventory/items/{sku}", body)


def test_change_of_an_unknown_item_is_not_found(stage: Stage, sku: str) -> None:
    with _refused(stage, sku, (404, "NOT_FOUND")):
        stage.ops.patch(f"/v1/inventory/items/{sku}-unknown", {"name": "lamp"})


def test_who_only_reads_changes_nothing(stage: Stage, sku: str) -> None:
    with _refused(stage, sku, (403, "INSUFFICIENT_SCOPE")):
        stage.buyer.patch(f"/v1/inventory/items/{sku}", {"name": "lamp"})
