"""Bad input over REST: the status, the code and every JSON pointer; nothing half-done, no 5xx."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from cli.client import CliProblem, Json, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order, euros

pytestmark = pytest.mark.stack

MAX_REPORTED = 25
BODY_LIMIT = 256 * 1024
LINE = "/lines/0"
NOWHERE = {"currency_code": "ZZZ", "minor_units": 1}


@dataclass(frozen=True, slots=True)
class Bad:
    """A body and what is answered to it."""

    body: bytes
    status: int
    code: str
    pointers: tuple[str, ...]


def good(**changes: Any) -> Json:
    """A valid order with these members changed."""
    return an_order("LAMP-01", 1) | changes


def line(**changes: Any) -> Json:
    """A valid order whose line has these members changed."""
    return good(lines=[good()["lines"][0] | changes])


def text(old: str, new: str) -> bytes:
    """A valid order in which one piece of text is replaced."""
    whole = json.dumps(good())
    assert old in whole
    return whole.replace(old, new, 1).encode()


def malformed(body: bytes, *pointers: str) -> Bad:
    """A body that cannot be read."""
    return Bad(body, 400, "MALFORMED_JSON", pointers)


def rule(document: Json, *pointers: str) -> Bad:
    """A body that is read, but breaks a rule."""
    return Bad(json.dumps(document).encode(), 422, "VALIDATION_FAILED", pointers)


def without(name: str) -> Json:
    """A valid order without this member."""
    return {member: value for member, value in good().items() if member != name}


CASES = {
    "no JSON": malformed(b'{"customer_id": ', ""),
    "not UTF-8": malformed(b'{"customer_id": "\xff"}', ""),
    "a list": malformed(b"[]", ""),
    "null": malformed(text('"cust-demo"', "null"), "/customer_id"),
    "NaN": malformed(text('"quantity": 1', '"quantity": NaN'), f"{LINE}/quantity"),
    "infinity": malformed(text('"quantity": 1', '"quantity": -Infinity'), f"{LINE}/quantity"),
    "2^63": malformed(text('"quantity": 1', f'"quantity": {2**63}'), f"{LINE}/quantity"),
    "duplicate key": malformed(text('"customer_id"', '"customer_id": "a", "customer_id"'), "/customer_id"),
    "text for a number": malformed(text('"quantity": 1', '"quantity": "three"'), f"{LINE}/quantity"),
    "number for a text": malformed(text('"cust-demo"', "7"), "/customer_id"),
    "object for a list": malformed(json.dumps(good(lines={})).encode(), "/lines"),
    "three at once": malformed(
        json.dumps(line(quantity="x", sku=5) | {"customer_id": None}).encode(),
        *("/customer_id", f"{LINE}/quantity", f"{LINE}/sku"),
    ),
    "unknown fields": Bad(
        json.dumps(line(colour="red") | {"color": 1}).encode(), 400, "UNKNOWN_FIELD", ("/color", f"{LINE}/colour")
    ),
    "customer missing": rule(without("customer_id"), "/customer_id"),
    "lines missing": rule(without("lines"), "/lines"),
    "quantity 0": rule(line(quantity=0), f"{LINE}/quantity"),
    "quantity negative": rule(line(quantity=-1), f"{LINE}/quantity"),
    "price negative": rule(line(unit_price=euros(-1)), f"{LINE}/unit_price"),
    "price missing": rule(good(lines=[{"sku": "LAMP-01", "quantity": 1}]), "", f"{LINE}/unit_price"),
    "501 lines": rule(good(lines=good()["lines"] * 501), "/lines"),
    "sku of 65": rule(line(sku="S" * 65), f"{LINE}/sku"),
    "unknown currency": rule(line(unit_price=NOWHERE) | {"currency_code": "ZZZ"}, "/currency_code"),
    "line in another currency": rule(line(unit_price={"currency_code": "USD", "minor_units": 1}), ""),
    "30 breaches": rule(
        good(lines=[good()["lines"][0] | {"quantity": 0}] * 30),
        *(f"/lines/{number}/quantity" for number in range(MAX_REPORTED)),
    ),
    "total of 2^53": rule(good(lines=[good()["lines"][0] | {"quantity": 10**6, "unit_price": euros(10**9)}] * 10), "/lines"),
    "257 KiB": Bad(b'{"customer_id": "' + b"x" * (BODY_LIMIT + 1024) + b'"}', 413, "PAYLOAD_TOO_LARGE", ()),
}


@pytest.fixture
def stage(client: RestClient) -> Stage:
    """A stage with items of its own."""
    return Stage(client, Silence())


def refusal(client: RestClient, path: str, body: bytes, **headers: bytes) -> CliProblem:
    """The problem that a POST of the buyer is answered with."""
    sent = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"} | headers
    with pytest.raises(CliProblem) as refused:
        client.send("POST", path, "buyer", content=body, headers=sent)
    return refused.value


def pointers(problem: CliProblem) -> list[str]:
    """The places it names."""
    return sorted(error["pointer"] for error in problem.document.get("errors", ()))


@pytest.mark.parametrize("name", CASES)
def test_bad_order_is_refused_with_every_place_named(client: RestClient, name: str) -> None:
    case = CASES[name]
    problem = refusal(client, "/v1/orders", case.body)
    assert (problem.status, problem.problem_code, pointers(problem)) == (case.status, case.code, sorted(case.pointers))
    assert problem.document["correlation_id"]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (b"", "IDEMPOTENCY_KEY_REQUIRED"),
        (b"k" * 256, "IDEMPOTENCY_KEY_REQUIRED"),
        (b"a\tb", "INVALID_HEADER"),
        (b"\xc3\xa9", "INVALID_HEADER"),
    ],
)
def test_unusable_key_is_refused(client: RestClient, key: bytes, code: str) -> None:
    problem = refusal(client, "/v1/orders", json.dumps(good()).encode(), **{"Idempotency-Key": key})
    assert (problem.status, problem.problem_code) == (400, code)


def test_missing_key_is_refused(client: RestClient) -> None:
    with pytest.raises(CliProblem) as refused:
        client.send("POST", "/v1/orders", "buyer", json=good())
    assert (refused.value.status, refused.value.problem_code) == (400, "IDEMPOTENCY_KEY_REQUIRED")


def test_key_with_another_body_is_refused(stage: Stage) -> None:
    key = str(uuid.uuid4())
    stage.buyer.post("/v1/orders/quote", good(), key)
    stage.buyer.post("/v1/orders", good(), key)
    with pytest.raises(CliProblem) as refused:
        stage.buyer.post("/v1/orders", line(quantity=2), key)
    assert (refused.value.status, refused.value.problem_code) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_commands_in_the_wrong_state_are_refused(stage: Stage) -> None:
    sku = stage.item("LAMP", stock=3)
    order = stage.place("order", an_order(sku, 2))
    path = f"/v1/orders/{order.order_id}"
    stage.until_state(order, "CONFIRMED")
    assert _refused(stage, f"{path}/fulfillments", {"lines": [{"line_number": 1, "quantity": 3}]}) == (409, "ILLEGAL_STATE")
    assert _refused(stage, f"{path}/cancel", _cancel(), If_Match='"1"') == (412, "VERSION_MISMATCH")
    version = stage.order(order)["version"]
    differing = _cancel() | {"expected_version": version}
    assert _refused(stage, f"{path}/cancel", differing, If_Match=f'"{version + 1}"')[0] == 400
    stage.ops.post(f"{path}/fulfillments")
    stage.until_state(order, "FULFILLED")
    assert _refused(stage, f"{path}/cancel", _cancel()) == (409, "ILLEGAL_STATE")
    assert _refused(stage, f"{path}/fulfillments", {}) == (409, "ILLEGAL_STATE")


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [(((2, 1),), "/lines/0/line_number"), (((1, 1), (1, 1)), "/lines"), (((1, 0),), "/lines/0/quantity")],
    ids=["no such line", "a line twice", "no units"],
)
def test_a_shipment_of_what_cannot_be_shipped_is_refused_and_changes_nothing(
    stage: Stage, wanted: tuple[tuple[int, int], ...], pointer: str
) -> None:
    order = stage.place("order", an_order(stage.item("LAMP", stock=3), 3))
    path = f"/v1/orders/{order.order_id}/fulfillments"
    stage.until_state(order, "CONFIRMED")
    stage.ops.post(path, _parts((1, 2)))
    before = stage.order(order)
    with pytest.raises(CliProblem) as refused:
        stage.ops.post(path, _parts(*wanted))
    assert (refused.value.status, refused.value.problem_code, pointers(refused.value)) == (422, "VALIDATION_FAILED", [pointer])
    assert _refused(stage, path, _parts((1, 2))) == (409, "ILLEGAL_STATE")
    assert _refused(stage, f"/v1/orders/{order.order_id}/cancel", _cancel()) == (409, "ILLEGAL_STATE")
    assert stage.order(order) == before
    assert len(stage.ops.get(path)["fulfillments"]) == 1


def test_an_order_is_shipped_in_parts(stage: Stage) -> None:
    order = stage.place("order", an_order(stage.item("LAMP", stock=3), 3))
    path = f"/v1/orders/{order.order_id}/fulfillments"
    stage.until_state(order, "CONFIRMED")
    first = stage.ops.post(path, _parts((1, 1)))["lines"][0]
    assert stage.order(order)["lines"][0]["quantity_shipped"] == 1
    assert stage.order(order)["state"] == "PARTIALLY_FULFILLED"
    last = stage.ops.post(path)["lines"][0]
    stage.until_state(order, "FULFILLED")
    whole = stage.order(order)["lines"][0]
    assert (first["quantity"], last["quantity"]) == (1, 2)
    for share in ("net", "tax"):
        assert first[share]["minor_units"] + last[share]["minor_units"] == whole[share]["minor_units"]


def _parts(*wanted: tuple[int, int]) -> Json:
    return {"lines": [{"line_number": number, "quantity": units} for number, units in wanted]}


def test_unknown_sku_ends_cancelled_and_settled(stage: Stage) -> None:
    sku = f"NO-{uuid.uuid4().hex[:8]}"
    stage.list_price(sku)
    order = stage.place("order", an_order(sku, 1))
    settled = stage.until_settled(order)
    assert (settled["state"], settled["cancel_reason"]) == ("CANCELLED", "UNKNOWN_ITEM")
    assert settled["facts"]["reservation"] == "UNKNOWN_ITEM"


def _cancel() -> Json:
    return {"reason": "CUSTOMER_REQUEST", "comment": ""}


def _refused(stage: Stage, path: str, body: Json, **headers: str) -> tuple[int, str]:
    with pytest.raises(CliProblem) as refused:
        stage.ops.post(path, body, **headers)
    return refused.value.status, refused.value.problem_code
