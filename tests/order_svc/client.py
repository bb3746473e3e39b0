"""A client of order_svc over real gRPC, with the tokens of an issuer of ours."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from atlas.orders.v1 import order_service_pb2_grpc, price_service_pb2_grpc
from chassis.application import Application
from chassis.auth import TokenVerifier
from chassis.grpc_server import GrpcServer
from chassis.jwks import JwksSource
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer

SIGNER = fresh_signer("issuer-key")
BUYS = ("orders:read", "orders:write", "orders:cancel")
SCOPES = (*BUYS, "orders:fulfill", "orders:price")
BUYER = "a71a5000-0000-4000-8002-000000000002"
STRANGER = "a71a5000-0000-4000-8002-000000000009"
NOWHERE = "0190a000-0000-7000-8000-00000000dead"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal as the wire carries it; `places` are (field, text)."""

    code: grpc.StatusCode
    reason: str
    detail: str
    hint: str
    places: tuple[tuple[str, str], ...]


@dataclass
class Client:
    """Calls the service as one person."""

    stubs: tuple[Any, ...]
    forge: Forge

    async def __call__(
        self, name: str, request: Any, *, key: str = "", subject: str = BUYER, scopes: tuple[str, ...] = SCOPES
    ) -> Any:
        token = self.forge.token(sub=subject, resource_access={"atlas-gateway": {"roles": list(scopes)}})
        metadata = [("authorization", f"Bearer {token}"), ("idempotency-key", key or str(uuid.uuid4()))]
        method = next(getattr(stub, name) for stub in self.stubs if hasattr(stub, name))
        return await method(request, metadata=metadata, timeout=10)

    async def refusal(self, name: str, request: Any, **how: Any) -> str:
        """The reason with which a call is refused."""
        return (await self.refused(name, request, **how)).reason

    async def refused(self, name: str, request: Any, **how: Any) -> Refused:
        """All that is said about a call that is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self(name, request, **how)
        details = dict(error.value.trailing_metadata())["grpc-status-details-bin"]
        status = status_pb2.Status.FromString(details)
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        assert any(detail.Unpack(info) for detail in status.details)
        for detail in status.details:
            detail.Unpack(bad)
        places = tuple((violation.field, violation.description) for violation in bad.field_violations)
        return Refused(error.value.code(), info.reason, status.message, info.metadata.get("hint", ""), places)


@asynccontextmanager
async def serving(order_service: Application) -> AsyncIterator[Client]:
    """A client of a server that runs as long as it is needed."""
    jwks = JwksSource(ISSUER, client=Issuer([SIGNER.public_jwk()]).client())
    await jwks.warm()
    edge = order_service.edge()
    edge.commands.start()
    verifier = TokenVerifier(issuer=ISSUER, audience="order-svc", jwks=jwks)
    server = GrpcServer(order_service.blueprint.servicers(edge), verifier, port=0, reflect=False)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stubs = (order_service_pb2_grpc.OrderServiceStub(channel), price_service_pb2_grpc.PriceServiceStub(channel))
        yield Client(stubs, Forge(SIGNER, ISSUER, int(time.time())))
    await server.stop()
    await edge.commands.drain()
    edge.queries.close()
    await jwks.aclose()
