"""The call that is being served: what the interceptors learned of it, for the servicer and the commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import grpc.aio
import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import idempotency, metrics
from chassis.coalescer import Coalescer
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.envelope import Cause
from chassis.errors import IdempotencyKeyRequired
from chassis.handling import Command, Service
from chassis.idempotency import KeyedRequest, hash_request
from chassis.world import Actor

R = TypeVar("R", bound=Message)
QUERY_THREADS = 4


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC under way."""

    method: str
    actor: Actor
    idempotency_key: str
    correlation_id: str
    traceparent: str
    wait_seconds: int


current_call: ContextVar[Call] = ContextVar("current_call")


class Commands:
    """The commands of a service: parses in the event loop, coalesces, and answers each caller."""

    def __init__(self, service: Service, *, batch: int, queue: int) -> None:
        self._service = service
        self._coalescer: Coalescer[CommandCall, Answer] = Coalescer(
            lambda calls: run_commands(service, calls), batch=batch, queue=queue
        )

    def start(self) -> None:
        """Start working, inside the event loop."""
        self._coalescer.start()

    async def drain(self) -> None:
        """Finish what is queued."""
        await self._coalescer.drain()

    async def submit(
        self,
        command: Command[Any],
        request: Message,
        context: grpc.aio.ServicerContext[Any, Any],
        *,
        then: Callable[[Any], Awaitable[Any]] | None = None,
    ) -> Any:
        """Run a command for the current call. Returns the response, or raises what refused it.

        `then` may wait for what follows and answer with that; it is what a replay answers from then on.
        """
        call = current_call.get()
        if not call.idempotency_key:
            raise IdempotencyKeyRequired("this call has an effect and needs an idempotency key")
        keyed = KeyedRequest(call.actor.key, command.name, call.idempotency_key, hash_request(request))
        cause = Cause(call.correlation_id, call.correlation_id, call.traceparent, call.actor)
        comment: str = getattr(request, "comment", "")
        answer = await self._coalescer.submit(CommandCall(command, command.parse(request), keyed, cause, comment))
        if answer.error is not None:
            raise answer.error
        if answer.replayed:
            context.set_trailing_metadata((("idempotent-replayed", "true"),))
        if answer.replayed or then is None:
            return answer.response
        later: Message = await then(answer.response)
        if later != answer.response:
            await asyncio.to_thread(self._remember, keyed, later)
        return later

    def _remember(self, keyed: KeyedRequest, response: Message) -> None:
        with self._service.database.begin() as connection:
            idempotency.finish(connection, [(keyed, response.SerializeToString())])


class Queries:
    """Reads of a service: SQL to response, on a few threads."""

    def __init__(self, database: sa.Engine) -> None:
        self._database = database
        self._executor = ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="queries")

    async def run(self, query: Callable[[sa.Connection, Any, Actor], R], request: Message) -> R:
        """Run `query(connection, request, actor)` in a transaction of its own."""
        actor = current_call.get().actor

        def work() -> R:
            with metrics.DB_DURATION.labels("query").time(), self._database.begin() as connection:
                return query(connection, request, actor)

        context = copy_context()
        return cast(R, await asyncio.get_running_loop().run_in_executor(self._executor, context.run, work))

    def close(self) -> None:
        """Let what runs finish."""
        self._executor.shutdown(wait=True)


def visible_to(actor: Actor, owner: sa.ColumnElement[str]) -> Sequence[sa.ColumnElement[bool]]:
    """Return the WHERE terms that hide others' rows from a caller without orders:read_all."""
    return () if actor.may("orders:read_all") else (owner == actor.subject,)
