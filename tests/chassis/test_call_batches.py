"""Calls that come together are answered as if each had come alone: same answers, same refusals, same tokens."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from atlas.common.v1.call_batch_pb2 import CallBatch, CallBatchReply
from atlas.orders.v1 import order_service_pb2
from chassis.call_batches import MAX_CALLS, METHOD, SERVICE, unpacked
from tests.chassis.bench import TRACE, new_key
from tests.chassis.served import REQUEST, RESPONSE, Served
from tests.security.tokens import HOSTILE

GET = "/atlas.orders.v1.OrderService/GetOrder"
CANCEL = "/atlas.orders.v1.OrderService/CancelOrder"
RUN = f"/{SERVICE}/{METHOD}"
CODE = grpc.StatusCode


def _call(served: Served, method: str, request: Message, **headers: str) -> CallBatch.Call:
    sent = {"authorization": f"Bearer {served.token()}", "idempotency-key": str(uuid.uuid4())}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return CallBatch.Call(method=method, metadata=sent, request=request.SerializeToString())


def _cancel(served: Served, order_id: str, **headers: str) -> CallBatch.Call:
    request = order_service_pb2.CancelOrderRequest(order_id=order_id, reason=1, comment="c")  # type: ignore[arg-type]
    return _call(served, CANCEL, request, **headers)


async def _together(served: Served, *calls: CallBatch.Call) -> list[CallBatchReply.Reply]:
    run = served.channel.unary_unary(RUN, CallBatch.SerializeToString, CallBatchReply.FromString)
    return list((await run(CallBatch(calls=calls), timeout=10)).replies)


async def _alone(served: Served, call: CallBatch.Call) -> tuple[int, str, dict[str, Any]]:
    """Send one of the calls by itself; its code, details and trailers."""
    rpc = served.channel.unary_unary(call.method, bytes, bytes)(call.request, metadata=tuple(call.metadata.items()), timeout=10)
    code = await rpc.code()
    return code.value[0], await rpc.details() or "", dict(await rpc.trailing_metadata())


async def test_each_call_is_refused_as_if_it_had_come_alone(served: Served) -> None:
    calls = [
        _call(served, GET, REQUEST(order_id="no uuid"), x_correlation_id="one"),
        _call(served, GET, REQUEST(order_id=new_key()), x_correlation_id="two", authorization=f"Bearer {served.token(())}"),
        _cancel(served, new_key(), x_correlation_id="three", idempotency_key=""),
        _call(served, "/atlas.orders.v1.OrderService/Nothing", REQUEST(), x_correlation_id="four"),
    ]
    replies = await _together(served, *calls)
    together = [(reply.code, dict(unpacked(reply.trailing_metadata))) for reply in replies]
    alone = [await _alone(served, call) for call in calls]
    assert together == [(code, trailers) for code, _details, trailers in alone]
    assert [reply.details for reply in replies[:3]] == [details for _code, details, _trailers in alone[:3]]
    codes = [CODE.INVALID_ARGUMENT, CODE.PERMISSION_DENIED, CODE.INVALID_ARGUMENT, CODE.UNIMPLEMENTED]
    assert [reply.code for reply in replies] == [code.value[0] for code in codes]


async def test_each_call_keeps_its_caller_its_trace_and_its_answer(served: Served) -> None:
    calls = [
        _call(served, GET, REQUEST(order_id=new_key()), x_correlation_id=f"corr-{number}", traceparent=TRACE)
        for number in range(5)
    ]
    for number, reply in enumerate(await _together(served, *calls)):
        subject, correlation, trace, _wait = RESPONSE.FromString(reply.response).order.customer_id.split("|")
        assert (subject, correlation) == (served.forge.subject, f"corr-{number}")
        assert trace[3:35] == TRACE[3:35]


async def test_a_repeated_key_in_a_batch_and_after_it_is_told_as_a_replay(served: Served) -> None:
    call = _cancel(served, new_key(), idempotency_key="the same")
    first, second = await _together(served, call, call)
    _code, _details, trailers = await _alone(served, call)
    assert (first.code, second.code) == (0, 0)
    assert first.response == second.response
    assert not first.trailing_metadata
    assert dict(unpacked(second.trailing_metadata)) == {"idempotent-replayed": "true"}
    assert trailers["idempotent-replayed"] == "true"


async def test_no_hostile_token_comes_in_with_the_others(served: Served) -> None:
    hostile = [case.build(served.forge) for case in HOSTILE]
    calls = [_call(served, GET, REQUEST(order_id=new_key()), authorization=f"Bearer {token}") for token in hostile]
    good = _call(served, GET, REQUEST(order_id=new_key()))
    for some in (calls[start : start + MAX_CALLS - 1] for start in range(0, len(calls), MAX_CALLS - 1)):
        *refused, served_one = await _together(served, *some, good)
        assert {reply.code for reply in refused} == {CODE.UNAUTHENTICATED.value[0]}
        assert served_one.code == 0


async def test_a_request_that_cannot_be_read_fails_alone(served: Served) -> None:
    broken = CallBatch.Call(method=GET, metadata={"authorization": f"Bearer {served.token()}"}, request=b"\xff")
    bad, good = await _together(served, broken, _call(served, GET, REQUEST(order_id=new_key())))
    assert (bad.code, good.code) == (CODE.INTERNAL.value[0], 0)


async def test_a_batch_is_bounded_and_holds_no_batch(served: Served) -> None:
    nested = CallBatch.Call(method=RUN, request=CallBatch().SerializeToString())
    (reply,) = await _together(served, nested)
    assert reply.code == CODE.UNIMPLEMENTED.value[0]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _together(served, *[nested] * (MAX_CALLS + 1))
    assert caught.value.code() == CODE.INVALID_ARGUMENT
