"""HTTP in, one gRPC call, HTTP out: through the whole gateway to a real gRPC server."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from atlas.orders.v1 import order_pb2, order_service_pb2
from tests.chassis.rest.statuses import rich_status
from tests.gateway.backend import ORDER_ID, Backend, Context, Gateway, a_gateway, a_server

BODY: dict[str, Any] = {
    "customer_id": "cust-1001",
    "currency_code": "EUR",
    "payment_method": "pm_ok",
    "lines": [{"sku": "LAMP-01", "quantity": 3, "unit_price": {"currency_code": "EUR", "minor_units": 1999}}],
}
CANCEL = f"/v1/orders/{ORDER_ID}/cancel"


async def test_a_command_is_created_with_location_and_etag(gateway: Gateway) -> None:
    answer = await gateway.post("/v1/orders", BODY)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/orders/{ORDER_ID}"
    assert answer.headers["etag"] == '"4"'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "idempotent-replayed" not in answer.headers
    assert answer.json()["state"] == "PLACED"
    assert gateway.backend.request == order_service_pb2.PlaceOrderRequest(**BODY)


async def test_the_location_of_a_nested_resource_is_below_its_parent(gateway: Gateway) -> None:
    answer = await gateway.post(f"/v1/orders/{ORDER_ID}/fulfillments")
    assert answer.headers["location"] == f"/v1/orders/{ORDER_ID}/fulfillments/f-1"
    assert gateway.backend.request.order_id == ORDER_ID


async def test_the_headers_that_matter_reach_the_service(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await gateway.post(
        "/v1/orders",
        BODY,
        idempotency_key='"web-1"',
        x_correlation_id="corr-1",
        traceparent=trace,
        tracestate="a=1",
        prefer="wait=7",
    )
    sent = gateway.backend.metadata
    assert sent["authorization"].startswith("Bearer ")
    assert sent["idempotency-key"] == "web-1"
    assert sent["x-correlation-id"] == answer.headers["x-correlation-id"] == "corr-1"
    assert sent["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert sent["tracestate"] == "a=1"
    assert sent["x-wait-seconds"] == "7"
    assert 11 < gateway.backend.seen[-1][2] <= 12.1


async def test_a_page_of_the_largest_orders_comes_through(gateway: Gateway) -> None:
    line = order_pb2.OrderLine(line_number=500, sku="A" * 64, quantity=10**6)
    for amount in (line.unit_price, line.net, line.tax, line.total):
        amount.currency_code, amount.minor_units = "EUR", 10**15
    orders = [order_pb2.Order(order_id=ORDER_ID, lines=[line] * 500)] * 60
    gateway.backend.answer = order_service_pb2.ListOrdersResponse(orders=orders)
    answer = await gateway.get("/v1/orders")
    assert answer.status_code == 200
    assert len(answer.json()["orders"]) == 60


async def test_other_headers_do_not_reach_the_service(gateway: Gateway) -> None:
    await gateway.get(f"/v1/orders/{ORDER_ID}", x_actor="admin", prefer="wait=7", cookie="a=b")
    sent = gateway.backend.metadata.keys() - {"user-agent"}
    assert sent == {"authorization", "x-correlation-id", "traceparent"}
    assert 4 < gateway.backend.seen[-1][2] <= 5.1


async def test_a_correlation_id_and_a_trace_are_made_when_absent(gateway: Gateway) -> None:
    answer = await gateway.get(f"/v1/orders/{ORDER_ID}", traceparent="garbage")
    assert answer.headers["x-correlation-id"][14] == "7"
    assert gateway.backend.metadata["x-correlation-id"] == answer.headers["x-correlation-id"]
    assert gateway.backend.metadata["traceparent"].startswith("00-")


async def test_a_replay_says_so(gateway: Gateway) -> None:
    gateway.backend.trailing = (("idempotent-replayed", "true"),)
    answer = await gateway.post("/v1/orders", BODY)
    assert answer.status_code == 201
    assert answer.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("key", ["", "k" * 256, '""', "\x01"])
async def test_a_key_that_cannot_be_used_never_reaches_the_service(gateway: Gateway, key: str) -> None:
    answer = await gateway.post("/v1/orders", BODY, idempotency_key=key)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("IDEMPOTENCY_KEY_REQUIRED", "INVALID_HEADER")
    assert gateway.backend.seen == []


async def test_a_call_without_effect_needs_no_key(gateway: Gateway) -> None:
    answer = await gateway.client.post(
        "/v1/orders/quote", json=BODY, headers={"authorization": gateway.headers()["authorization"]}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(("sent", "expected"), [('"4"', 4), ("4", 4), ("*", None)])
async def test_if_match_becomes_the_expected_version(gateway: Gateway, sent: str, expected: int | None) -> None:
    await gateway.post(CANCEL, {"reason": "FRAUD"}, if_match=sent)
    request = gateway.backend.request
    assert (request.expected_version if request.HasField("expected_version") else None) == expected


@pytest.mark.parametrize(("sent", "in_body", "status"), [('"4"', 4, 202), ("*", 4, 202), ('"4"', 5, 400), ('W/"4"', None, 400)])
async def test_if_match_and_the_body_may_not_differ(gateway: Gateway, sent: str, in_body: int | None, status: int) -> None:
    body = {"reason": "FRAUD"} | ({} if in_body is None else {"expected_version": in_body})
    answer = await gateway.post(CANCEL, body, if_match=sent)
    assert answer.status_code == status
    assert len(gateway.backend.seen) == (status == 202)


async def test_a_list_links_to_its_next_page(gateway: Gateway) -> None:
    gateway.backend.answer = order_service_pb2.ListOrdersResponse(orders=[order_pb2.Order()], next_page_token="t2")
    answer = await gateway.get("/v1/orders?state=PLACED&state=CONFIRMED&page_size=1&page_token=t1")
    assert answer.headers["link"] == '</v1/orders?state=PLACED&state=CONFIRMED&page_size=1&page_token=t2>; rel="next"'
    assert answer.json()["next_page_token"] == "t2"
    states = [order_pb2.ORDER_STATE_PLACED, order_pb2.ORDER_STATE_CONFIRMED]
    assert gateway.backend.request == order_service_pb2.ListOrdersRequest(state=states, page_size=1, page_token="t1")


async def test_an_unknown_query_parameter_is_named(gateway: Gateway) -> None:
    answer = await gateway.get("/v1/orders?page_sizee=1")
    assert answer.status_code == 400
    assert answer.json()["code"] == "UNKNOWN_FIELD"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/page_sizee"]


async def test_path_variables_arrive_decoded_and_are_not_of_the_body(gateway: Gateway) -> None:
    await gateway.get("/v1/orders/a%2Fb%20c")
    assert gateway.backend.request.order_id == "a/b c"
    answer = await gateway.post(CANCEL, {"order_id": "other", "reason": "FRAUD"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/order_id"]


@pytest.mark.parametrize("path", ["/v1/orders/%ff", "/v1/orders/%00"])
async def test_a_path_that_is_no_text_is_malformed(gateway: Gateway, path: str) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_JSON")


async def test_the_service_in_the_path_picks_the_channel(gateway: Gateway) -> None:
    assert (await gateway.get("/v1/ops/order/outbox")).status_code == 200
    assert gateway.backend.request.service == "order"
    assert (await gateway.get("/v1/ops/nonsense/outbox")).status_code == 404


async def test_a_refusal_of_the_service_is_answered_as_a_problem(gateway: Gateway) -> None:
    gateway.backend.refusal = rich_status(
        "VALIDATION_FAILED", "1 rule broken", violations=[("lines[0].quantity", "int64.gte", "must be at least 1")]
    )
    answer = await gateway.post("/v1/orders", BODY, x_correlation_id="corr-2")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["instance"] == "/v1/orders"
    assert problem["correlation_id"] == "corr-2"
    assert len(problem["trace_id"]) == 32
    assert problem["errors"] == [{"pointer": "/lines/0/quantity", "reason": "int64.gte", "detail": "must be at least 1"}]


async def test_what_a_service_did_not_mean_to_say_stays_inside(gateway: Gateway) -> None:
    async def explode(_: Context) -> None:
        raise RuntimeError("password=hunter2")

    gateway.backend.before = explode
    answer = await gateway.post("/v1/orders", BODY)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "hunter2" not in answer.text


async def test_a_service_that_is_away_is_unavailable_and_may_come_back() -> None:
    async with a_server(Backend()) as address:
        pass
    async with a_gateway({"order": address}, Backend()) as gateway:
        answer = await gateway.get(f"/v1/orders/{ORDER_ID}")
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
        assert "127.0.0.1" not in answer.text
        async with a_server(Backend(), address), asyncio.timeout(10):
            while (await gateway.get(f"/v1/orders/{ORDER_ID}")).status_code != 200:
                await asyncio.sleep(0.05)


async def test_only_a_service_that_was_away_is_asked_again(gateway: Gateway) -> None:
    async def away_once(context: Context) -> None:
        if len(gateway.backend.seen) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")

    gateway.backend.before = away_once
    assert (await gateway.post("/v1/orders", BODY)).status_code == 201
    assert [metadata["idempotency-key"] for _, metadata, _ in gateway.backend.seen] == ["key-1", "key-1"]

    async def full(context: Context) -> None:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")

    gateway.backend.before, gateway.backend.seen = full, []
    answer = await gateway.post("/v1/orders", BODY)
    assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
    assert len(gateway.backend.seen) == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"customer_id": 1}', {"content-type": "application/json"}, 400),
        (b"{}", {"content-type": "application/json; charset=utf-8"}, 201),
        (b"{}", {"content-type": "application/json; charset=latin-1"}, 415),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"", {}, 201),
        (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, 415),
        (b"{}", {"content-type": "application/json", "content-encoding": "identity"}, 201),
        (b" " * (256 * 1024 - 2) + b"{}", {"content-type": "application/json"}, 201),
        (b" " * (256 * 1024 - 1) + b"{}", {"content-type": "application/json"}, 413),
        (b" " * (2 * 1024 * 1024), {"content-type": "application/json"}, 413),
        (b"[" * 1000 + b"]" * 1000, {"content-type": "application/json"}, 400),
    ],
)
async def test_bodies_and_their_types(gateway: Gateway, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = await gateway.client.post("/v1/orders", content=content, headers=gateway.headers() | headers)
    assert answer.status_code == status
    assert len(gateway.backend.seen) == (status == 201)


async def test_a_chunked_body_has_the_same_limit(gateway: Gateway) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 8192

    headers = gateway.headers(content_type="application/json")
    answer = await gateway.client.post("/v1/orders", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_all_places_of_a_wrong_body_are_named(gateway: Gateway) -> None:
    answer = await gateway.post("/v1/orders", BODY | {"extra": 1, "customer_id": None, "lines": [{"quantity": "x"}]})
    assert answer.json()["code"] == "MALFORMED_JSON"
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/extra", "/customer_id", "/lines/0/quantity"}
    assert gateway.backend.seen == []


async def test_a_late_answer_is_a_deadline(gateway: Gateway) -> None:
    async def late(context: Context) -> None:
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "late")

    gateway.backend.before = late
    answer = await gateway.get(f"/v1/orders/{ORDER_ID}")
    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
