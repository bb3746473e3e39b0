"""The counter service behind a real gRPC server, and a client that calls it with the tokens of an issuer of ours."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2, status_pb2

from atlas.common.v1 import options_pb2
from atlas.ops.v1 import ops_service_pb2, ops_service_pb2_grpc
from atlas.orders.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc
from chassis.application import Edge
from chassis.auth import TokenVerifier
from chassis.calls import current_call
from chassis.clock import SandboxClock
from chassis.grpc_server import GrpcServer, Servicer
from chassis.jwks import JwksSource
from chassis.ops import OpsServicer
from tests.chassis.bench import Bench
from tests.chassis.counter import Faults, count_command
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer

SIGNER = fresh_signer("issuer-key")
SCOPES = ("orders:read", "orders:cancel", "ops:read", "ops:manage", "audit:read")
REQUEST, RESPONSE = order_service_pb2.GetOrderRequest, order_service_pb2.GetOrderResponse


def _odd_contract() -> Any:
    """A service of which one method has no policy, and one is for people only."""
    file = descriptor_pb2.FileDescriptorProto(name="test/odd.proto", package="test.odd.v1", syntax="proto3")
    file.dependency.extend(["atlas/orders/v1/order_service.proto", "atlas/common/v1/options.proto"])
    service = file.service.add(name="OddService")
    for name in ("Bare", "ForPeople"):
        types = {"input_type": f".{REQUEST.DESCRIPTOR.full_name}", "output_type": f".{RESPONSE.DESCRIPTOR.full_name}"}
        service.method.add(name=name, **types)
    policy = service.method[1].options.Extensions[options_pb2.policy]
    policy.scopes.append("orders:read")
    policy.human_only = True
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("test.odd.v1.OddService")


ODD = _odd_contract()


class _Odd:
    async def answer(self, request: Any, context: Any) -> Any:
        return RESPONSE(order=order_pb2.Order(order_id=request.order_id))


def _add_odd(odd: _Odd, server: grpc.aio.Server) -> None:
    handler = grpc.unary_unary_rpc_method_handler(odd.answer, REQUEST.FromString, RESPONSE.SerializeToString)
    handlers = dict.fromkeys(("Bare", "ForPeople", "Undescribed"), handler)
    server.add_registered_method_handlers("test.odd.v1.OddService", handlers)


class _Orders(order_service_pb2_grpc.OrderServiceServicer):
    """CancelOrder counts; GetOrder tells what it was told of the call, or fails as the test wants."""

    def __init__(self, edge: Edge, faults: Faults) -> None:
        self._edge = edge
        self._command = count_command(faults)
        self.error: Exception | None = None
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def CancelOrder(self, request: Any, context: Any) -> Any:
        """Count."""
        return await self._edge.commands.submit(self._command, request, context)

    async def GetOrder(self, request: Any, context: Any) -> Any:
        """Say who calls, under which correlation and trace."""
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        call = current_call.get()
        told = "|".join((call.actor.subject, call.correlation_id, call.traceparent, str(call.wait_seconds)))
        return RESPONSE(order=order_pb2.Order(order_id=request.order_id, customer_id=told))

    QuoteOrder = PlaceOrder = ListOrders = FulfillOrder = CancelRemaining = GetOrder
    GetFulfillment = ListFulfillments = GetOrder


@dataclass
class Served:
    """A running server and its client."""

    bench: Bench
    reflect: bool = True
    clock: SandboxClock = field(default_factory=SandboxClock)
    issuer: Issuer = field(default_factory=lambda: Issuer([SIGNER.public_jwk()]))

    async def start(self) -> Served:
        """Serve on a free port and connect to it."""
        self.forge = Forge(SIGNER, ISSUER, int(time.time()))
        self.jwks = JwksSource(ISSUER, client=self.issuer.client())
        await self.jwks.warm()
        self.edge = self.bench.app.edge()
        self.edge.commands.start()
        self.orders = _Orders(self.edge, self.bench.faults)
        verifier = TokenVerifier(issuer=ISSUER, audience="order-svc", jwks=self.jwks)
        self.server = GrpcServer(self._servicers(), verifier, port=0, reflect=self.reflect)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{await self.server.start()}")
        return self

    def _servicers(self) -> list[Servicer]:
        orders = order_service_pb2.DESCRIPTOR.services_by_name["OrderService"]
        ops = ops_service_pb2.DESCRIPTOR.services_by_name["OpsService"]
        servicer = OpsServicer(self.bench.app, self.edge, self.clock)
        return [
            Servicer(orders, self.orders, order_service_pb2_grpc.add_OrderServiceServicer_to_server),
            Servicer(ops, servicer, ops_service_pb2_grpc.add_OpsServiceServicer_to_server),
            Servicer(ODD, _Odd(), _add_odd),
        ]

    async def stop(self) -> None:
        """Stop serving and finish what is queued."""
        await self.channel.close()
        await self.server.stop()
        await self.edge.commands.drain()
        self.edge.queries.close()
        await self.jwks.aclose()

    def token(self, scopes: Sequence[str] = SCOPES, **claims: Any) -> str:
        """A valid token with these scopes."""
        return self.forge.token(resource_access={"atlas-gateway": {"roles": list(scopes)}}, **claims)

    async def call(self, method: str, request: Any, response: Any, *, key: str = "", **headers: str) -> Any:
        """Call a method by its full name; a token and a key are added unless given. Returns the response and the trailers."""
        sent = {"authorization": f"Bearer {self.token()}", "idempotency_key": key or str(uuid.uuid4()), **headers}
        metadata = [(name.replace("_", "-"), value) for name, value in sent.items() if value]
        rpc = self.channel.unary_unary(method, type(request).SerializeToString, response.FromString)
        call = rpc(request, metadata=metadata, timeout=10)
        answer = await call
        return answer, dict(await call.trailing_metadata())

    async def refusal(self, method: str, request: Any, response: Any, **how: Any) -> Refused:
        """Call a method that must be refused."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, request, response, **how)
        return Refused.of(caught.value)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal as the wire carries it."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    info: dict[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None

    @staticmethod
    def of(error: grpc.aio.AioRpcError) -> Refused:
        """Read the details of an error."""
        packed = dict(error.trailing_metadata()).get("grpc-status-details-bin")
        if packed is None:
            return Refused(error.code(), error.details() or "")
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        status = status_pb2.Status.FromString(packed)
        found = [any(detail.Unpack(each) for detail in status.details) for each in (info, bad, retry)]
        assert status.code == error.code().value[0]
        assert info.domain == "atlas"
        return Refused(
            error.code(),
            status.message,
            info.reason,
            dict(info.metadata),
            tuple((v.field, v.reason) for v in bad.field_violations),
            retry.retry_delay.seconds if found[2] else None,
        )
