"""A real gRPC server for the order contract, whose answers a test decides, and the gateway in front of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx2
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from atlas.billing.v1 import webhook_pb2, webhook_service_pb2_grpc
from atlas.ops.v1 import ops_service_pb2_grpc, outbox_pb2
from atlas.orders.v1 import fulfillment_pb2, order_pb2, order_service_pb2, order_service_pb2_grpc, quote_pb2
from chassis.health import Readiness
from chassis.jwks import JwksSource
from gateway.app import build
from gateway.settings import GatewaySettings
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer

Context = grpc.aio.ServicerContext[Any, Any]
SCOPES = ("orders:read", "orders:write", "orders:cancel", "orders:fulfill", "ops:read", "ops:manage")
SIGNER = fresh_signer("issuer-key")
ORDER_ID = "01980000-0000-7000-8000-000000000001"
ORDER = order_pb2.Order(order_id=ORDER_ID, state=order_pb2.ORDER_STATE_PLACED, version=4)
FULFILLMENT = fulfillment_pb2.Fulfillment(fulfillment_id="f-1", order_id=ORDER_ID, version=1)


@dataclass
class Backend:
    """What the servicer was asked, and what it does next: raises `refusal` if there is one, else answers `answer`."""

    seen: list[tuple[Message, Mapping[str, str], float]] = field(default_factory=list)
    refusal: status_pb2.Status | None = None
    answer: Message | None = None
    trailing: tuple[tuple[str, str], ...] = ()
    before: Callable[[Context], Any] | None = None

    @property
    def request(self) -> Any:
        """The latest request."""
        return self.seen[-1][0]

    @property
    def metadata(self) -> Mapping[str, str]:
        """The metadata of the latest call."""
        return self.seen[-1][1]

    async def serve(self, request: Message, context: Context, answer: Message) -> Any:
        """Note the call and do what the test decided."""
        metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        self.seen.append((request, metadata, context.time_remaining() or 0.0))
        if self.before is not None:
            await self.before(context)
        context.set_trailing_metadata(self.trailing)
        if self.refusal is not None:
            await context.abort_with_status(rpc_status.to_status(self.refusal))
        return self.answer or answer


class Orders(order_service_pb2_grpc.OrderServiceServicer):
    """The order contract, answered by a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def PlaceOrder(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, order_service_pb2.PlaceOrderResponse(order=ORDER))

    async def QuoteOrder(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, quote_pb2.QuoteOrderResponse())

    async def GetOrder(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, order_service_pb2.GetOrderResponse(order=ORDER))

    async def ListOrders(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, order_service_pb2.ListOrdersResponse(orders=[ORDER]))

    async def CancelOrder(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, order_service_pb2.CancelOrderResponse(order=ORDER))

    async def FulfillOrder(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, fulfillment_pb2.FulfillOrderResponse(fulfillment=FULFILLMENT))


class Ops(ops_service_pb2_grpc.OpsServiceServicer):
    """Part of the ops contract, answered by a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def ListOutbox(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, outbox_pb2.ListOutboxResponse())


class Webhooks(webhook_service_pb2_grpc.WebhookServiceServicer):
    """The contract of webhooks, answered by a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def ReceivePaymentWebhook(self, request: Any, context: Context) -> Any:
        return await self._backend.serve(request, context, webhook_pb2.ReceivePaymentWebhookResponse())


@dataclass
class Gateway:
    """The gateway, spoken to in-process, and what is around it."""

    client: httpx2.AsyncClient
    backend: Backend
    issuer: Issuer
    forge: Forge
    readiness: Readiness

    def headers(self, **more: str) -> dict[str, str]:
        """The headers of a keyed request by someone who may do everything; underscores stand for dashes."""
        own = {"authorization": f"Bearer {self.forge.token()}", "idempotency-key": "key-1"}
        return own | {name.replace("_", "-"): value for name, value in more.items()}

    async def get(self, path: str, **more: str) -> httpx2.Response:
        """GET as someone who may do everything."""
        return await self.client.get(path, headers=self.headers(**more))

    async def post(self, path: str, body: Any = None, **more: str) -> httpx2.Response:
        """POST as someone who may do everything."""
        return await self.client.post(path, json={} if body is None else body, headers=self.headers(**more))


@contextlib.asynccontextmanager
async def a_server(backend: Backend, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve the contracts, on a free port unless told which."""
    server = grpc.aio.server()
    order_service_pb2_grpc.add_OrderServiceServicer_to_server(Orders(backend), server)  # type: ignore[abstract]  # the rest is UNIMPLEMENTED
    ops_service_pb2_grpc.add_OpsServiceServicer_to_server(Ops(backend), server)  # type: ignore[abstract]
    webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server(Webhooks(backend), server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=None)


@contextlib.asynccontextmanager
async def a_gateway(
    upstreams: Mapping[str, str], backend: Backend, issuer: Issuer | None = None, **changes: Any
) -> AsyncIterator[Gateway]:
    """Run the gateway in this process, with an issuer of its own."""
    issuer = issuer or Issuer([SIGNER.public_jwk()])
    jwks = JwksSource(ISSUER, client=issuer.client())
    hosts = frozenset({"atlas"})
    settings = GatewaySettings(profile="dev", oidc_issuer=ISSUER, upstreams=dict(upstreams), allowed_hosts=hosts, **changes)
    readiness = Readiness()
    app = build(settings, readiness, jwks)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://atlas") as client,
    ):
        if not issuer.away:
            await jwks.warm()
        forge = Forge(SIGNER, ISSUER, int(time.time()), scopes=SCOPES)
        yield Gateway(client, backend, issuer, forge, readiness)
