"""Bad input of a list over REST: the status, the code, and for each place its pointer, reason and hint."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cli.client import CliProblem, RestClient
from cli.scenarios.stage import an_order, euros

pytestmark = pytest.mark.stack

MARCH, APRIL = "2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z"


@pytest.fixture(scope="module")
def customer(client: RestClient) -> str:
    """A customer with three orders that the buyer placed."""
    name = f"cust-{uuid.uuid4().hex[:8]}"
    client.as_user("ops").post("/v1/prices", {"sku": "NO-SUCH-SKU", "unit_price": euros(1999), "tax_rate_basis_points": 2000})
    for _ in range(3):
        client.as_user("buyer").post("/v1/orders", an_order("NO-SUCH-SKU", 1) | {"customer_id": name})
    return name


def _refused(client: RestClient, path: str, user: str = "buyer", **query: Any) -> CliProblem:
    with pytest.raises(CliProblem) as refused:
        client.as_user(user).get(path, **query)
    return refused.value


def _places(problem: CliProblem) -> list[tuple[str, str]]:
    assert problem.document["hint"]
    assert all(error["detail"] for error in problem.document["errors"])
    return [(error["pointer"], error["reason"]) for error in problem.document["errors"]]


@pytest.mark.parametrize(
    ("query", "status", "code", "place"),
    [
        ({"state": ["CONFIRMED", "LOST"]}, 400, "MALFORMED_JSON", ("/state", "MALFORMED_JSON")),
        ({"state": "UNSPECIFIED"}, 422, "VALIDATION_FAILED", ("/state/0", "enum.not_in")),
        ({"status": "CONFIRMED"}, 400, "UNKNOWN_FIELD", ("/status", "UNKNOWN_FIELD")),
        ({"customer_id": "no spaces"}, 422, "VALIDATION_FAILED", ("/customer_id", "string.pattern")),
        ({"client_reference": "r" * 65}, 422, "VALIDATION_FAILED", ("/client_reference", "string.pattern")),
        ({"customer_id": ["a", "b"]}, 400, "MALFORMED_JSON", ("/customer_id", "MALFORMED_JSON")),
        ({"create_time_from": "yesterday"}, 400, "MALFORMED_JSON", ("/create_time_from", "MALFORMED_JSON")),
        ({"create_time_from": APRIL, "create_time_to": MARCH}, 422, "VALIDATION_FAILED", ("/create_time_to", "window.order")),
        ({"page_size": 201}, 422, "VALIDATION_FAILED", ("/page_size", "int32.gte_lte")),
        ({"page_size": -1}, 422, "VALIDATION_FAILED", ("/page_size", "int32.gte_lte")),
        ({"page_token": "garbage"}, 400, "INVALID_PAGE_TOKEN", ("/page_token", "page_token.signature")),
        ({"page_token": "t" * 1025}, 422, "VALIDATION_FAILED", ("/page_token", "string.max_len")),
    ],
    ids=str,
)
def test_a_list_that_cannot_be_is_refused(
    client: RestClient, query: dict[str, Any], status: int, code: str, place: tuple[str, str]
) -> None:
    problem = _refused(client, "/v1/orders", **query)
    assert (problem.status, problem.problem_code, _places(problem)) == (status, code, [place])


def test_a_token_is_refused_for_another_filter_caller_or_list(client: RestClient, customer: str) -> None:
    first = client.as_user("buyer").get("/v1/orders", customer_id=customer, page_size=2)
    assert len(first["orders"]) == 2
    token = first["next_page_token"]
    fulfillments = f"/v1/orders/{first['orders'][0]['order_id']}/fulfillments"
    for problem in (
        _refused(client, "/v1/orders", page_token=token),
        _refused(client, "/v1/orders", page_token=token, customer_id=customer, state="CANCELLED"),
        _refused(client, "/v1/orders", "ops", page_token=token, customer_id=customer),
        _refused(client, fulfillments, page_token=token),
    ):
        assert (problem.status, problem.problem_code) == (400, "INVALID_PAGE_TOKEN")
        assert _places(problem) == [("/page_token", "page_token.binding")]
    rest = client.as_user("buyer").get("/v1/orders", customer_id=customer, page_size=2, page_token=token)
    assert len(rest["orders"]) == 1
    assert "next_page_token" not in rest


def test_others_orders_are_in_no_list_of_a_buyer(client: RestClient, customer: str) -> None:
    asked = an_order("NO-SUCH-SKU", 1) | {"customer_id": customer, "client_reference": f"web-{uuid.uuid4().hex[:8]}"}
    foreign = client.as_user("ops").post("/v1/orders", asked)["order_id"]
    for query in ({}, {"customer_id": customer}, {"client_reference": asked["client_reference"]}):
        found = [order["order_id"] for order in client.as_user("buyer").get("/v1/orders", **query).get("orders", ())]
        assert foreign not in found
    everyones = client.as_user("ops").get("/v1/orders", customer_id=customer)["orders"]
    assert everyones[0]["order_id"] == foreign
