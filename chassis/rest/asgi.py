"""What every step of a request shares: its context, and how bodies are read and answers sent over plain ASGI."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from chassis.rest.problem import Problem, Refused
from chassis.rest.route_table import Match

RawHeaders = list[tuple[bytes, bytes]]
_KEY = "atlas.request"
_DRAINED = 4  # how many times the limit is read and thrown away, so that the client gets to read the answer


class Caller(Protocol):
    """Who is calling, as far as REST needs to know."""

    @property
    def scopes(self) -> frozenset[str]:
        """What the caller may do."""


@dataclass(slots=True)
class RequestContext:
    """One request on its way through the steps; each step adds what it found out."""

    headers: Mapping[bytes, bytes]
    path: str
    correlation_id: str
    traceparent: str
    match: Match | None = None
    caller: Caller | None = None
    reply_headers: RawHeaders = field(default_factory=list)

    @property
    def trace_id(self) -> str:
        """The 32 hex digits shared by everything in this trace."""
        return self.traceparent[3:35]


class ClientGone(Exception):
    """The client closed the connection before it had sent its request; nobody is left to answer."""


def bind_context(scope: Scope, context: RequestContext) -> None:
    """Make this the context of the request."""
    scope[_KEY] = context


def context_of(scope: MutableMapping[str, Any]) -> RequestContext:
    """Return the context of a request."""
    context: RequestContext = scope[_KEY]
    return context


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read the whole body; Refused when it is over the limit, after throwing away some of what still comes."""
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        chunk = event.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        if not event.get("more_body", False) or size > _DRAINED * limit:
            break
    if size > limit:
        raise Refused(Problem("PAYLOAD_TOO_LARGE", headers=((b"connection", b"close"),)))
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def respond(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    """Send an answer in one piece."""
    if status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_problem(scope: Scope, send: Send, problem: Problem) -> None:
    """Send a problem document."""
    context = context_of(scope)
    document = problem.document(instance=context.path, correlation_id=context.correlation_id, trace_id=context.trace_id)
    await respond(send, problem.status, problem.all_headers(), document)
