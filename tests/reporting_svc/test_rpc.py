"""reporting_svc over gRPC, with tokens: who sees which timeline, and what he is told until it is there."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pydantic import SecretStr

from atlas.reporting.v1 import report_pb2, reporting_service_pb2_grpc, timeline_pb2
from chassis import migrate
from chassis.auth import TokenVerifier
from chassis.clock import ManualClock
from chassis.grpc_server import GrpcServer
from chassis.ids import IdSource
from chassis.jwks import JwksSource
from chassis.memory_broker import MemoryBroker
from reporting_svc import app
from reporting_svc.settings import Settings
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer

SIGNER = fresh_signer("issuer-key")


@pytest.fixture
async def stub(postgres_url: str) -> AsyncIterator[reporting_service_pb2_grpc.ReportingServiceStub]:
    migrate.upgrade("reporting_svc", postgres_url)
    clock = ManualClock(datetime.now(UTC))
    settings = Settings(profile="dev", database_url=SecretStr(postgres_url))
    application = app.build(settings, clock, MemoryBroker(), IdSource(clock))
    jwks = JwksSource(ISSUER, client=Issuer([SIGNER.public_jwk()]).client())
    await jwks.warm()
    edge = application.edge()
    verifier = TokenVerifier(issuer=ISSUER, audience="reporting-svc", jwks=jwks)
    server = GrpcServer(application.blueprint.servicers(edge), verifier, port=0, reflect=False)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield reporting_service_pb2_grpc.ReportingServiceStub(channel)
    await server.stop()
    edge.queries.close()
    await jwks.aclose()
    application.close()


def bearer(*scopes: str) -> tuple[tuple[str, str]]:
    """The metadata of a caller with these scopes."""
    return (("authorization", f"Bearer {Forge(SIGNER, ISSUER, int(time.time()), scopes=scopes).token()}"),)


async def test_unknown_order_is_worth_asking_again(stub: reporting_service_pb2_grpc.ReportingServiceStub) -> None:
    request = timeline_pb2.GetTimelineRequest(order_id=str(uuid.uuid4()))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetTimeline(request, metadata=bearer("orders:read"), timeout=5)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]  # an AioRpcError is a call that ended
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert "ask again" in info.metadata["hint"]
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.seconds == 1


async def test_reports_need_their_scope(stub: reporting_service_pb2_grpc.ReportingServiceStub) -> None:
    request = report_pb2.ListOrderSummariesRequest()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListOrderSummaries(request, metadata=bearer("orders:read"), timeout=5)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    answer = await stub.ListOrderSummaries(request, metadata=bearer("reporting:read"), timeout=5)
    assert (list(answer.rows), answer.lag_seconds, answer.HasField("as_of")) == ([], 0, False)
