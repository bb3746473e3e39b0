"""The pages around the API."""

from __future__ import annotations

import json
import re
from html import unescape

import httpx2
import pytest

from chassis.contracts import error_options
from chassis.errors import Refusal
from chassis.interceptors import status_of
from chassis.rest.problem import reasons
from order_svc.domain.errors import OrderChanged, OrderNotCancellable
from tests.docs.pages import page
from tests.gateway.backend import ORDER_ID, Gateway
from tools.problem_pages import GATEWAY_ONLY
from workflow_svc.domain.errors import SelfApproval


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_load_nothing_from_elsewhere(gateway: Gateway, path: str) -> None:
    page = (await gateway.client.get(path)).text
    sources = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert sources
    for source in sources:
        assert source.startswith("/")
        assert (await gateway.client.get(source)).status_code == 200


async def test_the_committed_document_is_served(gateway: Gateway) -> None:
    document = (await gateway.client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert "/v1/orders" in document["paths"]


@pytest.mark.parametrize("reason", reasons())
async def test_every_problem_has_a_page(gateway: Gateway, reason: str) -> None:
    answer = await gateway.client.get(f"/docs/problems/{reason}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert f"<h1>{reason}</h1>" in answer.text
    shown = unescape(answer.text)
    assert error_options(reason).title in shown
    assert error_options(reason).remedy in shown
    assert f'"status": {error_options(reason).http_status}' in shown


async def test_the_index_of_problems_leads_to_every_page(gateway: Gateway) -> None:
    index = (await gateway.client.get("/docs/problems")).text
    assert set(re.findall(r'href="/docs/problems/(\w+)"', index)) == set(reasons())


async def test_pages_of_problems_link_to_what_is_served(gateway: Gateway) -> None:
    for reason in ("README", *reasons()):
        page = (await gateway.client.get(f"/docs/problems/{reason}".removesuffix("/README"))).text
        links = re.findall(r'href="([^"]*)"', page)
        assert links
        assert not [link for link in links if not re.fullmatch(r"/docs/problems(/[A-Z_]+)?", link)]


async def test_there_is_no_page_of_an_unknown_problem(gateway: Gateway) -> None:
    for name in ("NOTHING", "README", "README.md", "..%2Frbac"):
        assert (await gateway.client.get(f"/docs/problems/{name}")).status_code == 404


async def _read(gateway: Gateway, reason: str) -> httpx2.Response:
    """Ask what the page of a reason shows, of a gateway that reads it."""
    match reason:
        case "UNAUTHENTICATED":
            return await gateway.client.get("/v1/orders")
        case "METHOD_NOT_ALLOWED":
            return await gateway.client.delete("/v1/orders", headers=gateway.headers())
        case "MALFORMED_JSON":
            return await gateway.post("/v1/orders", {"lines": [{"quantity": "three"}]})
        case "UNKNOWN_FIELD":
            return await gateway.post("/v1/orders", {"colour": "red"})
        case "INVALID_HEADER":
            return await gateway.post(f"/v1/orders/{ORDER_ID}/cancel", {}, if_match='W/"4"')
        case "PAYLOAD_TOO_LARGE":
            return await gateway.post("/v1/orders", {"customer_id": "x" * 300_000})
        case "UNSUPPORTED_MEDIA_TYPE":
            return await gateway.client.post("/v1/orders", content=b"x", headers=gateway.headers(content_type="text/plain"))
        case "HEADERS_TOO_LARGE":
            return await gateway.post("/v1/orders", {}, x_long="x" * 20_000)
        case "IDEMPOTENCY_KEY_REQUIRED":
            return await gateway.post("/v1/orders", {}, idempotency_key="")
    raise AssertionError(f"no way to get {reason}")


@pytest.mark.parametrize("reason", sorted((GATEWAY_ONLY - {"RATE_LIMITED"}) | {"UNAUTHENTICATED", "IDEMPOTENCY_KEY_REQUIRED"}))
async def test_a_page_shows_what_the_gateway_answers(gateway: Gateway, reason: str) -> None:
    _assert_same(await _read(gateway, reason), reason)


@pytest.mark.parametrize(
    "refusal", [OrderChanged(4, 6), OrderNotCancellable("FULFILLED"), SelfApproval()], ids=lambda it: it.reason
)
async def test_a_page_shows_what_a_service_refuses(gateway: Gateway, refusal: Refusal) -> None:
    gateway.backend.refusal = status_of(refusal, "correlation")
    _assert_same(await gateway.post(f"/v1/orders/{ORDER_ID}/cancel", {"reason": "CUSTOMER_REQUEST"}), refusal.reason)


def _assert_same(answer: httpx2.Response, reason: str) -> None:
    """An answer is what the page shows, but for what names this one request."""
    head, _, body = next(iter(page(f"docs/problems/{reason}.md").blocks("http"))).text.partition("\n\n")
    own = ("instance", "correlation_id", "trace_id")
    came, shown = answer.json(), json.loads(body)
    assert came.keys() == shown.keys()
    assert {name: came[name] for name in came if name not in own} == {name: shown[name] for name in shown if name not in own}
    for line in head.splitlines()[1:]:
        name, _, value = line.partition(": ")
        assert answer.headers[name] == value
