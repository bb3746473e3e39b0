"""BillingService over real gRPC: the server, its interceptors and the token verifier, on a real database; and who calls it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from atlas.billing.v1 import (
    billing_service_pb2_grpc,
    document_service_pb2_grpc,
    ledger_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from chassis.auth import TokenVerifier
from chassis.grpc_server import GrpcServer
from chassis.jwks import JwksSource
from tests.billing_svc.till import Till
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer

SIGNER = fresh_signer("issuer-key")
ALL = ("billing:read", "billing:manage", "billing:refund", "ledger:read", "orders:read_all")
OWN = ("billing:read",)
BUYER = "a71a5000-0000-4000-8002-000000000002"


@dataclass(frozen=True)
class Refused:
    """Why a call was refused: the reason, what it says, and the broken rules by field."""

    reason: str
    detail: str
    violations: dict[str, str]


@dataclass
class Client:
    """Calls the services as one person."""

    stubs: tuple[Any, ...]
    forge: Forge

    async def __call__(
        self, name: str, request: Any, *, subject: str = BUYER, scopes: tuple[str, ...] = ALL, key: str = ""
    ) -> Any:
        token = self.forge.token(sub=subject, resource_access={"atlas-gateway": {"roles": list(scopes)}})
        metadata = [("authorization", f"Bearer {token}"), ("idempotency-key", key or str(uuid4()))]
        return await self._method(name)(request, metadata=metadata, timeout=10)

    async def signed(self, request: Any, headers: Mapping[str, str]) -> Any:
        """Call as the provider does: without a token, with these headers."""
        return await self._method("ReceivePaymentWebhook")(request, metadata=list(headers.items()), timeout=10)

    def _method(self, name: str) -> Any:
        return next(method for stub in self.stubs if (method := getattr(stub, name, None)))

    async def refusal(self, name: str, request: Any, **how: Any) -> str:
        """The reason with which a call is refused."""
        return (await self.refused(name, request, **how)).reason

    async def refused(self, name: str, request: Any, **how: Any) -> Refused:
        """Why a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self(name, request, **how)
        return read_refusal(error.value)


def read_refusal(error: grpc.aio.AioRpcError) -> Refused:
    """Read the rich status of a refusal."""
    status, info, broken = status_pb2.Status(), error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status.ParseFromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    assert status.details[0].Unpack(info)
    if len(status.details) > 1:
        status.details[1].Unpack(broken)
    return Refused(info.reason, status.message, {each.field: each.reason for each in broken.field_violations})


@asynccontextmanager
async def served(till: Till) -> AsyncIterator[Client]:
    """A client of a server that runs for a while."""
    jwks = JwksSource(ISSUER, client=Issuer([SIGNER.public_jwk()]).client())
    await jwks.warm()
    edge = till.application.edge()
    edge.commands.start()
    verifier = TokenVerifier(issuer=ISSUER, audience="billing-svc", jwks=jwks)
    server = GrpcServer(till.application.blueprint.servicers(edge), verifier, port=0, reflect=False)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        forge = Forge(SIGNER, ISSUER, int(time.time()))
        stubs = (
            billing_service_pb2_grpc.BillingServiceStub(channel),
            document_service_pb2_grpc.DocumentServiceStub(channel),
            ledger_service_pb2_grpc.LedgerServiceStub(channel),
            webhook_service_pb2_grpc.WebhookServiceStub(channel),
        )
        yield Client(stubs, forge)
    await server.stop()
    await edge.commands.drain()
    edge.queries.close()
    await jwks.aclose()
