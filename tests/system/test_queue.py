"""The queue of those who wait over REST: many at once are served in order, and bad input changes nothing."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from cli.client import CliProblem, Json, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order
from cli.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

ORDERS, UNITS, CLIENTS = 200, 50, 16
TOO_MANY = 429
NOWHERE = "00000000-0000-7000-8000-000000000000"
SOON = "2099-01-31T12:00:00Z"


def _reservations(stage: Stage, order_ids: set[str]) -> list[Json]:
    """What is held for these orders, as far as it is known."""
    found = stage.reader.pages("/v1/inventory/reservations", "reservations")
    return [reservation for reservation in found if reservation["order_id"] in order_ids]


@pytest.mark.full
def test_two_hundred_orders_at_once_for_a_hundred_units_are_served_first_come_first_served(client: RestClient) -> None:
    stage = Stage(client, Silence())
    skus = [stage.item(name, stock=UNITS) for name in ("LEFT", "RIGHT")]

    def place(number: int) -> str:
        key = str(uuid.uuid4())
        while True:
            try:
                return str(impatient.as_user("buyer").post("/v1/orders", an_order(skus[number % 2], 1), key)["order_id"])
            except CliProblem as problem:
                if problem.status != TOO_MANY:
                    raise
            time.sleep(0.1)

    with RestClient(client.addresses, patience=0) as impatient, ThreadPoolExecutor(CLIENTS) as clients:
        placed = set(clients.map(place, range(ORDERS)))
    assert len(placed) == ORDERS
    known = wait_until(
        lambda: _reservations(stage, placed), lambda found: len(found) == ORDERS, what="all orders are known", seconds=60
    )
    held = {reservation["order_id"] for reservation in known if all(line["held"] for line in reservation["lines"])}
    assert len(held) == 2 * UNITS
    for sku in skus:
        stage.expect_stock(sku, on_hand=UNITS, reserved=UNITS, available=0, backordered=ORDERS // 2 - UNITS)
        queue = list(stage.reader.pages("/v1/inventory/backorders", "backorders", sku=sku))
        assert [row["queue_position"] for row in queue] == list(range(1, len(queue) + 1))
        assert queue == sorted(queue, key=lambda row: (row["place_time"], row["order_id"]))
        completed = stage.receive(sku, 10)["completed_order_ids"]
        assert completed == [row["order_id"] for row in queue[:10]]
    assert [check for check in stage.checks if not check.holds] == []


@dataclass(frozen=True)
class Bad:
    """A call of ops, and what is answered to it."""

    path: str
    body: Json
    pointer: str
    status: int = 422
    code: str = "VALIDATION_FAILED"


def _announced(**changes: Any) -> Json:
    return {"reference": "PO-BAD", "expected_time": SOON, "lines": [{"sku": "$SKU", "quantity": 1}]} | changes


def _bad_announcement(pointer: str, **changes: Any) -> Bad:
    return Bad("announcements", _announced(**changes), pointer)


MANY = [{"sku": f"SKU-{number}", "quantity": 1} for number in range(501)]
REFUSED = {
    "in the past": _bad_announcement("/expected_time", expected_time="2020-01-01T00:00:00Z"),
    "no time": Bad("announcements", {"reference": "PO-BAD", "lines": [{"sku": "$SKU", "quantity": 1}]}, "/expected_time"),
    "unknown item": _bad_announcement("/lines/0/sku", lines=[{"sku": "NOTHING", "quantity": 1}]),
    "zero": _bad_announcement("/lines/0/quantity", lines=[{"sku": "$SKU", "quantity": 0}]),
    "too many units": _bad_announcement("/lines/0/quantity", lines=[{"sku": "$SKU", "quantity": 10**13}]),
    "too many lines": _bad_announcement("/lines", lines=MANY),
    "an item twice": _bad_announcement("", lines=2 * [{"sku": "$SKU", "quantity": 1}]),
    "priority 10": Bad("backorders/$WAITS/prioritize", {"priority": 10}, "/priority"),
    "priority -1": Bad("backorders/$WAITS/prioritize", {"priority": -1}, "/priority"),
    "no priority": Bad("backorders/$WAITS/prioritize", {"comment": "soon"}, "/priority"),
    "nobody": Bad(f"backorders/{NOWHERE}/prioritize", {"priority": 1}, "", 404, "NOT_FOUND"),
    "nobody's hold": Bad(f"backorders/{NOWHERE}/release-held", {}, "", 404, "NOT_FOUND"),
    "stale": Bad("backorders/$WAITS/prioritize", {"priority": 1, "expected_version": 99}, "", 412, "VERSION_MISMATCH"),
    "holds nothing": Bad("backorders/$WAITS/release-held", {}, "", 409, "ILLEGAL_STATE"),
    "complete": Bad("backorders/$COMPLETE/prioritize", {"priority": 1}, "", 409, "ILLEGAL_STATE"),
    "availability of nothing": Bad("availability", {"lines": [{"sku": "NOTHING", "quantity": 1}]}, "/lines/0/sku"),
    "availability of zero": Bad("availability", {"lines": [{"sku": "$SKU", "quantity": 0}]}, "/lines/0/quantity"),
}


@pytest.fixture(scope="module")
def waiting(client: RestClient) -> tuple[Stage, dict[str, str]]:
    """An item of which one order has all and another waits for more."""
    stage = Stage(client, Silence())
    sku = stage.item("BAD", stock=1)
    complete, waits = stage.place("complete", an_order(sku, 1)), stage.place("waits", an_order(sku, 1))
    stage.until_state(complete, "CONFIRMED")
    stage.until_state(waits, "BACKORDERED")
    return stage, {"$SKU": sku, "$WAITS": waits.order_id, "$COMPLETE": complete.order_id}


def _named(value: Any, names: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, known in names.items():
        text = text.replace(name, known)
    return json.loads(text)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why_and_changes_nothing(waiting: tuple[Stage, dict[str, str]], name: str) -> None:
    (stage, names), bad = waiting, REFUSED[name]
    before = _seen(stage, names)
    with pytest.raises(CliProblem) as refused:
        stage.ops.post(_named(f"/v1/inventory/{bad.path}", names), _named(bad.body, names), str(uuid.uuid4()))
    problem = refused.value
    assert (problem.status, problem.problem_code) == (bad.status, bad.code)
    assert problem.document.get("hint")
    assert [error["pointer"] for error in problem.document.get("errors", [])] == ([bad.pointer] if bad.status == 422 else [])
    assert _seen(stage, names) == before


def _seen(stage: Stage, names: dict[str, str]) -> list[Any]:
    """All that a refused call might have changed."""
    reads = (f"items/{names['$SKU']}", f"reservations/{names['$WAITS']}", f"reservations/{names['$COMPLETE']}")
    return [*(stage.reader.get(f"/v1/inventory/{path}") for path in reads), *_announcements(stage)]


def _announcements(stage: Stage) -> list[Json]:
    return list(stage.ops.pages("/v1/inventory/announcements", "announcements", reference="PO-BAD"))


def test_a_page_token_is_good_for_its_list_filter_and_caller_only(waiting: tuple[Stage, dict[str, str]]) -> None:
    stage, names = waiting
    for number in range(2):
        body = _named(_announced(reference=f"PO-{number}-{names['$SKU']}"), names)
        stage.ops.post("/v1/inventory/announcements", body)
    token = stage.ops.get("/v1/inventory/announcements", page_size=1)["next_page_token"]
    tries = [
        (stage.ops, "announcements", {"page_token": "garbage"}),
        (stage.ops, "backorders", {"page_token": token}),
        (stage.ops, "announcements", {"page_token": token, "reference": "PO-OTHER"}),
        (stage.reader, "items", {"page_token": stage.ops.get("/v1/inventory/items", page_size=1)["next_page_token"]}),
    ]
    for caller, path, given in tries:
        with pytest.raises(CliProblem) as refused:
            caller.get(f"/v1/inventory/{path}", **given)
        assert (refused.value.status, refused.value.problem_code) == (400, "INVALID_PAGE_TOKEN")
        assert refused.value.document.get("hint")
    assert stage.ops.get("/v1/inventory/announcements", page_size=1, page_token=token)["announcements"]
