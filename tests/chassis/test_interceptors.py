"""Every RPC passes telemetry, errors, token and scopes, validation, in this order, and nothing leaks on the way out."""

from __future__ import annotations

import asyncio
import logging
from operator import attrgetter
from typing import Any

import grpc
import psycopg
import pytest
import sqlalchemy as sa

from atlas.orders.v1 import order_service_pb2
from chassis import metrics
from chassis.errors import NotFound, VersionMismatch
from tests.chassis.bench import TRACE, new_key
from tests.chassis.served import ODD, REQUEST, RESPONSE, Refused, Served
from tests.security.tokens import HOSTILE, Case

GET = "/atlas.orders.v1.OrderService/GetOrder"
CANCEL = "/atlas.orders.v1.OrderService/CancelOrder"
CODE = grpc.StatusCode


async def _get(served: Served, **how: Any) -> str:
    answer, _trailers = await served.call(GET, REQUEST(order_id=new_key()), RESPONSE, **how)
    return str(answer.order.customer_id)


async def _refused(served: Served, order_id: str = "", **how: Any) -> Refused:
    return await served.refusal(GET, REQUEST(order_id=order_id or new_key()), RESPONSE, **how)


async def _cancel(served: Served, order_id: str, comment: str = "c", **how: Any) -> Any:
    request = order_service_pb2.CancelOrderRequest(order_id=order_id, reason=1, comment=comment)  # type: ignore[arg-type]
    return await served.call(CANCEL, request, order_service_pb2.CancelOrderResponse, **how)


async def _cancel_refused(served: Served, comment: str = "c", **how: Any) -> Refused:
    request = order_service_pb2.CancelOrderRequest(order_id=new_key(), reason=1, comment=comment)  # type: ignore[arg-type]
    return await served.refusal(CANCEL, request, order_service_pb2.CancelOrderResponse, **how)


async def test_a_call_learns_who_calls_and_continues_his_trace(served: Served) -> None:
    told = await _get(served, x_correlation_id="corr-1", traceparent=TRACE, x_wait_seconds="3")
    subject, correlation, trace, wait = told.split("|")
    assert (subject, correlation, wait) == (served.forge.subject, "corr-1", "3")
    assert trace[3:35] == TRACE[3:35]
    assert trace != TRACE


@pytest.mark.parametrize("given", ["", "x" * 129])
async def test_a_correlation_id_that_is_absent_or_odd_is_made_anew(served: Served, given: str) -> None:
    correlation = (await _get(served, x_correlation_id=given)).split("|")[1]
    assert len(correlation) == 36
    assert correlation != given


@pytest.mark.parametrize(("given", "seconds"), [("", 0), ("7", 7), ("99", 10), ("-1", 0), ("1e3", 0), ("99999", 0)])
async def test_a_caller_may_wait_ten_seconds_at_most(served: Served, given: str, seconds: int) -> None:
    assert (await _get(served, x_wait_seconds=given)).split("|")[3] == str(seconds)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer not.a.token"])
async def test_without_a_token_nobody_gets_in_and_nobody_learns_why(served: Served, header: str) -> None:
    before = metrics.AUTH_FAILURES._value.get()
    refused = await _refused(served, authorization=header)
    assert (refused.code, refused.reason) == (CODE.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert refused.message == "the access token is missing or not valid"
    assert metrics.AUTH_FAILURES._value.get() - before == 1


@pytest.mark.parametrize("case", HOSTILE[:: max(1, len(HOSTILE) // 12)], ids=attrgetter("name"))
async def test_a_hostile_token_gets_the_same_answer(served: Served, case: Case) -> None:
    token = case.build(served.forge)
    if not token.isascii() or not token.isprintable():
        pytest.skip("no header can carry it")
    assert (await _refused(served, authorization=f"Bearer {token}")).reason == "UNAUTHENTICATED"


async def test_a_missing_scope_is_named(served: Served) -> None:
    refused = await _refused(served, authorization=f"Bearer {served.token(['orders:cancel'])}")
    assert (refused.code, refused.reason) == (CODE.PERMISSION_DENIED, "INSUFFICIENT_SCOPE")
    assert "orders:read" in refused.message


async def test_when_no_token_can_be_judged_the_service_is_unavailable(served: Served) -> None:
    served.issuer.away = True
    served.jwks._keys.clear()
    refused = await _refused(served)
    assert (refused.code, refused.reason, refused.retry_after) == (CODE.UNAVAILABLE, "UNAVAILABLE", 1)


async def test_a_service_account_may_not_do_what_is_for_people(served: Served) -> None:
    method, request = f"/{ODD.full_name}/ForPeople", REQUEST(order_id=new_key())
    await served.call(method, request, RESPONSE)
    robot = served.token(azp="atlas-svc-shop")
    refused = await served.refusal(method, request, RESPONSE, authorization=f"Bearer {robot}")
    assert (refused.code, refused.reason) == (CODE.PERMISSION_DENIED, "HUMAN_ONLY")


@pytest.mark.parametrize("name", ["Bare", "Undescribed", "Nothing"])
async def test_a_method_without_a_policy_does_not_exist(served: Served, name: str) -> None:
    refused = await served.refusal(f"/{ODD.full_name}/{name}", REQUEST(order_id=new_key()), RESPONSE)
    assert refused.code == CODE.UNIMPLEMENTED


async def test_the_token_is_checked_before_the_request(served: Served) -> None:
    assert (await _refused(served, "no uuid", authorization="")).reason == "UNAUTHENTICATED"
    scopeless = f"Bearer {served.token([])}"
    assert (await _refused(served, "no uuid", authorization=scopeless)).reason == "INSUFFICIENT_SCOPE"


async def test_a_request_that_breaks_its_contract_is_refused_with_every_field(served: Served) -> None:
    refused = await _refused(served, "no uuid")
    assert (refused.code, refused.reason) == (CODE.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert refused.violations == (("order_id", "string.uuid"),)


async def test_at_most_25_violations_are_told(served: Served) -> None:
    request = order_service_pb2.PlaceOrderRequest(currency_code="EUR")
    for _ in range(40):
        request.lines.add(sku="", quantity=0)
    refused = await served.refusal(
        "/atlas.orders.v1.OrderService/PlaceOrder",
        request,
        order_service_pb2.PlaceOrderResponse,
        authorization=f"Bearer {served.token(['orders:write'])}",
    )
    assert len(refused.violations) == 25


async def test_an_effect_needs_a_usable_key(served: Served) -> None:
    assert (await _cancel_refused(served, idempotency_key="k" * 256)).reason == "IDEMPOTENCY_KEY_REQUIRED"


async def test_a_missing_key_is_refused_and_a_read_needs_none(served: Served) -> None:
    assert (await _cancel_refused(served, idempotency_key="")).reason == "IDEMPOTENCY_KEY_REQUIRED"
    await _get(served, idempotency_key="")


async def test_a_repeated_command_is_answered_again_and_says_so(served: Served) -> None:
    one = new_key()
    first, trailers = await _cancel(served, one, key="k")
    again, repeated = await _cancel(served, one, key="k")
    assert first == again
    assert "idempotent-replayed" not in trailers
    assert repeated["idempotent-replayed"] == "true"
    assert served.bench.labels(one) == ["c"]


async def test_a_refusal_carries_its_reason_its_hint_and_the_correlation(served: Served) -> None:
    served.orders.error = VersionMismatch("the current version is 4", hint="read it again")
    refused = await _refused(served, x_correlation_id="corr-9")
    assert refused == Refused(
        CODE.FAILED_PRECONDITION,
        "the current version is 4",
        "VERSION_MISMATCH",
        {"correlation_id": "corr-9", "hint": "read it again"},
    )


async def test_a_refusal_says_when_to_come_back(served: Served) -> None:
    served.orders.error = NotFound("there is none", retry_after=7)
    refused = await _refused(served)
    assert (refused.code, refused.retry_after) == (CODE.NOT_FOUND, 7)


UNEXPECTED = (RuntimeError("canary"), KeyError("canary"), sa.exc.ProgrammingError("canary", {}, Exception("canary")))


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda error: type(error).__name__)
async def test_the_text_of_an_unexpected_error_never_leaves(served: Served, error: Exception) -> None:
    served.orders.error = error
    refused = await _refused(served, x_correlation_id="corr-9")
    assert (refused.code, refused.reason) == (CODE.INTERNAL, "INTERNAL")
    assert refused.info == {"correlation_id": "corr-9"}
    assert "canary" not in repr(refused)


async def test_a_broken_command_leaks_nothing_either(served: Served) -> None:
    served.bench.faults.failing = {"bad": 9}
    refused = await _cancel_refused(served, "bad")
    assert (refused.code, refused.reason) == (CODE.INTERNAL, "INTERNAL")
    assert "4711" not in repr(refused)


async def test_a_database_that_is_away_is_unavailable_for_reads_too(served: Served) -> None:
    served.orders.error = sa.exc.OperationalError("select", {}, psycopg.OperationalError("canary"))
    refused = await _refused(served)
    assert (refused.code, refused.reason, refused.retry_after) == (CODE.UNAVAILABLE, "UNAVAILABLE", 1)
    served.orders.error = sa.exc.TimeoutError("pool")
    assert (await _refused(served)).reason == "OVERLOADED"


async def test_calls_are_measured_by_method_and_outcome(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    def count(code: str) -> float:
        return float(metrics.RPC_SERVER_DURATION.labels(GET.lstrip("/"), code)._sum.get())

    before = [count(code) for code in ("OK", "NOT_FOUND", "INTERNAL")]
    await _get(served)
    for error in (NotFound("none"), RuntimeError()):
        served.orders.error = error
        await _refused(served)
    async with asyncio.timeout(10):  # the server measures a call after its caller has the answer
        while not all(count(code) > then for code, then in zip(("OK", "NOT_FOUND", "INTERNAL"), before, strict=True)):
            await asyncio.sleep(0.01)
