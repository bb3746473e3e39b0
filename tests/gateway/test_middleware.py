"""What every request passes before its RPC."""

from __future__ import annotations

from operator import attrgetter

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from chassis.rest.route_table import RouteTable
from gateway.middleware import RequestIdAndTrace
from tests.chassis.issuer import Issuer
from tests.gateway.backend import ORDER_ID, Backend, Gateway, a_gateway
from tests.security.tokens import HOSTILE, Case

PATH = f"/v1/orders/{ORDER_ID}"


@pytest.mark.parametrize("case", HOSTILE, ids=attrgetter("name"))
async def test_a_hostile_token_is_401_and_goes_no_further(gateway: Gateway, case: Case) -> None:
    answer = await gateway.get(PATH, authorization=f"Bearer {case.build(gateway.forge)}")
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert gateway.backend.seen == []


@pytest.mark.parametrize("value", [None, "", "Basic YTpi", "Bearer", "Bearer ", "Bearer a b", "Token x"])
async def test_no_token_is_401(gateway: Gateway, value: str | None) -> None:
    answer = await gateway.client.get(PATH, headers={} if value is None else {"authorization": value})
    assert answer.status_code == 401
    assert answer.json()["detail"] == answer.json()["title"]


async def test_a_missing_scope_is_403_and_named(gateway: Gateway) -> None:
    token = gateway.forge.token(resource_access={"atlas-gateway": {"roles": ["orders:read"]}})
    answer = await gateway.post("/v1/orders", {}, authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"]) == (403, "INSUFFICIENT_SCOPE")
    assert "orders:write" in answer.json()["detail"]
    assert gateway.backend.seen == []


async def test_until_the_issuers_keys_are_known_nobody_can_be_judged() -> None:
    issuer = Issuer([])
    issuer.away = True
    async with a_gateway({"order": "127.0.0.1:9"}, Backend(), issuer) as gateway:
        ready = await gateway.client.get("/readyz")
        assert ready.status_code == 503
        assert [(check["name"], check["ok"]) for check in ready.json()["checks"]] == [("jwks", False)]
        assert [(check["name"], check["ok"]) for check in ready.json()["information"]] == [("order", False)]
        answer = await gateway.get("/v1/me")
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert (await gateway.client.get("/livez")).status_code == 200


async def test_the_keys_alone_make_it_ready(gateway: Gateway) -> None:
    assert (await gateway.client.get("/readyz")).status_code == 200


async def test_a_fault_of_the_gateway_shows_nothing_of_itself() -> None:
    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("password=hunter2")

    app = RequestIdAndTrace(faulty, table=RouteTable(()))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://atlas") as client:
        answer = await client.get("/v1/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]
    assert "hunter2" not in answer.text


async def test_me_says_who_the_caller_is(gateway: Gateway) -> None:
    answer = await gateway.get("/v1/me")
    assert answer.json() == {
        "subject": gateway.forge.subject,
        "username": "ops",
        "roles": ["Ops"],
        "scopes": sorted(gateway.forge.scopes),
    }
    assert (await gateway.client.get("/v1/me")).status_code == 401


@pytest.mark.parametrize("path", ["/v1/nonsense", "/v1", "/v1/", "/nonsense", "/v1/orders/", "/v1/me/x", "/docs/problems/NONE"])
async def test_an_unknown_path_is_a_404_problem(gateway: Gateway, path: str) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/orders", "GET, HEAD, POST"),
        ("GET", "/v1/orders/quote", "POST"),
        ("PUT", PATH, "GET, HEAD"),
        ("TRACE", PATH, "GET, HEAD"),
        ("POST", "/v1/me", "GET, HEAD"),
        ("POST", "/livez", "GET, HEAD"),
    ],
)
async def test_405_lists_every_method_of_the_path(gateway: Gateway, method: str, path: str, allow: str) -> None:
    answer = await gateway.client.request(method, path, headers=gateway.headers())
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert sorted(answer.headers["allow"].split(", ")) == allow.split(", ")


async def test_head_is_answered_like_get(gateway: Gateway) -> None:
    answer = await gateway.client.head(PATH, headers=gateway.headers())
    assert (answer.status_code, answer.headers["etag"]) == (200, '"4"')


@pytest.mark.parametrize("value", ["a\tb", "a\x7fb", "a\x01b"])
@pytest.mark.parametrize("name", ["x-correlation-id", "if-match", "x-anything", "tracestate"])
async def test_unprintable_headers_are_refused(gateway: Gateway, name: str, value: str) -> None:
    answer = await gateway.client.get(PATH, headers=gateway.headers() | {name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_HEADER")
    assert gateway.backend.seen == []


async def test_non_ascii_headers_are_refused(gateway: Gateway) -> None:
    headers = [(k.encode(), v.encode()) for k, v in gateway.headers().items()]
    answer = await gateway.client.get(PATH, headers=[*headers, (b"x-anything", b"caf\xc3\xa9")])
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_HEADER")


@pytest.mark.parametrize("value", ["", "a b", "<script>", "x" * 129])
async def test_a_hostile_correlation_id_is_not_echoed(gateway: Gateway, value: str) -> None:
    answer = await gateway.get(PATH, x_correlation_id=value)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_HEADER")
    assert value == "" or value not in answer.text
    assert answer.headers["x-correlation-id"] != value


async def test_a_header_that_counts_once_may_not_come_twice(gateway: Gateway) -> None:
    headers = [*gateway.headers().items(), ("Idempotency-Key", "key-2")]
    answer = await gateway.client.post("/v1/orders", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_HEADER")


@pytest.mark.parametrize("host", ["", "evil.example", "atlas.evil.example", "atlas:http", "atlas:80:80"])
async def test_another_host_is_refused(gateway: Gateway, host: str) -> None:
    answer = await gateway.get(PATH, host=host)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_HEADER")


async def test_our_host_may_name_a_port(gateway: Gateway) -> None:
    assert (await gateway.get(PATH, host="ATLAS:8080")).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"{PATH}?x={'y' * 8192}", {}),
        (PATH, {"x-large": "y" * 16384}),
        (PATH, {f"x-{n}": "y" for n in range(64)}),
    ],
)
async def test_too_much_before_the_body_is_431(gateway: Gateway, path: str, headers: dict[str, str]) -> None:
    answer = await gateway.client.get(path, headers=gateway.headers() | headers)
    assert (answer.status_code, answer.json()["code"]) == (431, "HEADERS_TOO_LARGE")


async def test_a_caller_over_its_limit_waits() -> None:
    async with a_gateway({}, Backend(), principal_limit="3/hour") as gateway:
        answers = [await gateway.get("/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"principal";q=3;w=3600'
        assert answers[0].headers["ratelimit"].startswith('"principal";r=2;t=')
        assert answers[3].json()["code"] == "RATE_LIMITED"
        assert 0 < int(answers[3].headers["retry-after"]) <= 3600
        other = gateway.forge.token(sub="somebody-else")
        assert (await gateway.get("/v1/me", authorization=f"Bearer {other}")).status_code == 200


async def test_an_address_over_its_limit_waits_but_probes_do_not() -> None:
    async with a_gateway({}, Backend(), address_limit="2/hour") as gateway:
        statuses = [(await gateway.client.get("/v1/me")).status_code for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert (await gateway.client.get("/livez")).status_code == 200
