"""OpsService: what operators ask of a service about itself. Every service serves it; nothing here knows a business word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from atlas.ops.v1 import audit_pb2, dead_letter_pb2, ops_service_pb2_grpc, outbox_pb2, parked_pb2, upkeep_pb2
from chassis import ops_decisions, ops_lists, ops_upkeep
from chassis.application import Application, Edge
from chassis.calls import current_call
from chassis.clock import SandboxClock
from chassis.errors import NotFound, ValidationFailed, Violation
from chassis.ops_keyed import Mutation, run_keyed
from chassis.world import Actor

R = TypeVar("R", bound=Message)
Rpc = Any  # the generated base and the chassis's interceptors agree on no narrower type of the context


class OpsServicer(ops_service_pb2_grpc.OpsServiceServicer):
    """Serves the outbox, the parking lot, dead letters, audit, clock, invariants and consumer of one service."""

    def __init__(self, app: Application, edge: Edge, clock: SandboxClock) -> None:
        self._app = app
        self._edge = edge
        self._clock = clock
        self._reader = ops_lists.MetadataReader(app.blueprint.catalog)

    async def ListOutbox(self, request: outbox_pb2.ListOutboxRequest, context: Rpc) -> outbox_pb2.ListOutboxResponse:
        """List the events the service committed."""
        return await self._list(ops_lists.list_outbox, request)

    async def ListParked(self, request: parked_pb2.ListParkedRequest, context: Rpc) -> parked_pb2.ListParkedResponse:
        """List what waits in the parking lot."""
        return await self._list(ops_lists.list_parked, request)

    async def RetryParked(self, request: parked_pb2.RetryParkedRequest, context: Rpc) -> parked_pb2.RetryParkedResponse:
        """Make a parked event due at once."""
        work = partial(ops_decisions.retry_parked, reader=self._reader, request=request)
        return await self._mutate(work, request, parked_pb2.RetryParkedResponse, context)

    async def ListDeadLetters(
        self, request: dead_letter_pb2.ListDeadLettersRequest, context: Rpc
    ) -> dead_letter_pb2.ListDeadLettersResponse:
        """List the dead letters."""
        return await self._list(ops_lists.list_dead_letters, request)

    async def ReplayDeadLetter(
        self, request: dead_letter_pb2.ReplayDeadLetterRequest, context: Rpc
    ) -> dead_letter_pb2.ReplayDeadLetterResponse:
        """Hand a dead letter to its handler again."""
        work = partial(ops_decisions.replay, reader=self._reader, request=request, actor=current_call.get().actor)
        return await self._mutate(work, request, dead_letter_pb2.ReplayDeadLetterResponse, context)

    async def DiscardDeadLetter(
        self, request: dead_letter_pb2.DiscardDeadLetterRequest, context: Rpc
    ) -> dead_letter_pb2.DiscardDeadLetterResponse:
        """Decide that a dead letter will never be handled."""
        work = partial(ops_decisions.discard, reader=self._reader, request=request, actor=current_call.get().actor)
        return await self._mutate(work, request, dead_letter_pb2.DiscardDeadLetterResponse, context)

    async def ListAudit(self, request: audit_pb2.ListAuditRequest, context: Rpc) -> audit_pb2.ListAuditResponse:
        """List the calls that had an effect."""
        return await self._list(ops_lists.list_audit, request)

    async def GetClock(self, request: upkeep_pb2.GetClockRequest, context: Rpc) -> upkeep_pb2.GetClockResponse:
        """Read the clock."""
        self._check_service(request)
        return await self._edge.queries.run(ops_upkeep.get_clock, request)

    async def AdvanceClock(self, request: upkeep_pb2.AdvanceClockRequest, context: Rpc) -> upkeep_pb2.AdvanceClockResponse:
        """Move the clock ahead, in the database and in this process; other processes of the service follow."""
        self._only_in_dev()
        work = partial(ops_upkeep.advance_clock, request=request)
        response = await self._mutate(work, request, upkeep_pb2.AdvanceClockResponse, context)
        self._clock.move_to(timedelta(seconds=response.clock.offset_seconds))
        return response

    async def CheckInvariants(
        self, request: upkeep_pb2.CheckInvariantsRequest, context: Rpc
    ) -> upkeep_pb2.CheckInvariantsResponse:
        """Check the invariants of the service's own data."""
        self._check_service(request)
        return await asyncio.to_thread(ops_upkeep.check_invariants, self._app)

    async def RewindConsumer(
        self, request: upkeep_pb2.RewindConsumerRequest, context: Rpc
    ) -> upkeep_pb2.RewindConsumerResponse:
        """Let the consumer start again at offset 0."""
        self._only_in_dev()
        work = partial(ops_upkeep.rewound, app=self._app)
        response = await self._mutate(work, request, upkeep_pb2.RewindConsumerResponse, context)
        self._app.consumer.rewind()
        return response

    async def _list(self, query: Callable[[sa.Connection, Any, ops_lists.Reading], R], request: Any) -> R:
        self._check_service(request)

        def run(connection: sa.Connection, request: Any, actor: Actor) -> R:
            page = self._edge.pager.page(request, actor)
            return query(connection, request, ops_lists.Reading(self._app.blueprint.identity, self._reader, page))

        return await self._edge.queries.run(run, request)

    async def _mutate(self, work: Callable[[sa.Connection], R], request: Any, response: type[R], context: Rpc) -> R:
        self._check_service(request)
        mutation = Mutation(current_call.get(), request, response, work)
        answer, replayed = await asyncio.to_thread(run_keyed, self._app.service, mutation)
        if replayed:
            context.set_trailing_metadata((("idempotent-replayed", "true"),))
        return answer

    def _check_service(self, request: Any) -> None:
        own = self._app.blueprint.identity.removesuffix("-svc")
        if request.service != own:
            violation = Violation("service", "service.own", f"must be {own}, the service that was called")
            raise ValidationFailed("another service was called than the request names", violations=(violation,))

    def _only_in_dev(self) -> None:
        if not self._app.settings.is_dev:
            raise NotFound("this exists in the dev profile only")
