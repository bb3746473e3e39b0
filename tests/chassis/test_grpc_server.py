"""The server answers health and reflection to anybody, and lets calls under way finish."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.chassis.bench import Bench, new_key
from tests.chassis.served import REQUEST, RESPONSE, Served

ORDERS, OPS = "atlas.orders.v1.OrderService", "atlas.ops.v1.OpsService"
REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


async def _health(served: Served, service: str) -> int:
    check = served.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    answer: Any = await check(health_pb2.HealthCheckRequest(service=service), timeout=10)
    return int(answer.status)


async def _reflect(served: Served, version: str, **question: Any) -> Any:
    call: Any = served.channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )(iter([reflection_pb2.ServerReflectionRequest(**question)] if question else []), timeout=10)
    return await call.read()


async def test_health_knows_the_server_and_each_service(served: Served) -> None:
    for service in ("", ORDERS, OPS):
        assert await _health(served, service) == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _health(served, "nobody")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", REFLECTIONS)
async def test_reflection_lists_the_services(served: Served, version: str) -> None:
    answer = await _reflect(served, version, list_services="*")
    names = {service.name for service in answer.list_services_response.service}
    assert {ORDERS, OPS, "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize("version", REFLECTIONS)
@pytest.mark.parametrize("symbol", [ORDERS, f"{ORDERS}.CancelOrder", "atlas.orders.v1.CancelOrderRequest"])
async def test_reflection_describes_services_methods_and_messages(served: Served, version: str, symbol: str) -> None:
    answer = await _reflect(served, version, file_containing_symbol=symbol)
    files = [descriptor_pb2.FileDescriptorProto.FromString(f) for f in answer.file_descriptor_response.file_descriptor_proto]
    assert any("OrderService" in {service.name for service in file.service} for file in files)


async def test_reflection_knows_nothing_else(served: Served) -> None:
    answer = await _reflect(served, REFLECTIONS[0], file_containing_symbol="no.such.Symbol")
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_without_the_dev_profile_there_is_no_reflection(bench: Bench) -> None:
    served = await Served(bench, reflect=False).start()
    for version in REFLECTIONS:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _reflect(served, version)  # asks nothing: a question could meet a stream that is closed already
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    await served.stop()


async def test_calls_under_way_finish_when_it_stops_and_new_ones_are_refused(served: Served) -> None:
    served.orders.gate.clear()
    under_way = asyncio.create_task(served.call(f"/{ORDERS}/GetOrder", REQUEST(order_id=new_key()), RESPONSE))
    await served.orders.entered.wait()
    stopping = asyncio.create_task(served.server.stop())
    codes = [grpc.StatusCode.OK]
    other = grpc.aio.insecure_channel(f"127.0.0.1:{served.server.port}")
    get: Any = other.unary_unary(f"/{ORDERS}/GetOrder", REQUEST.SerializeToString, RESPONSE.FromString)
    while codes[-1] != grpc.StatusCode.UNAVAILABLE:  # one that arrives in the very moment is cut off as CANCELLED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await get(REQUEST(), timeout=5)
        codes.append(caught.value.code())
    assert set(codes[1:]) <= {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
    served.orders.gate.set()
    answer, _ = await under_way
    assert answer.order.order_id
    await asyncio.gather(stopping, other.close())


async def test_a_message_of_more_than_a_megabyte_is_refused(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.call(f"/{ORDERS}/GetOrder", REQUEST(order_id="x" * 1_100_000), RESPONSE)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
