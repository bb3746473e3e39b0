"""The last step of a request to a contract's path: HTTP to one gRPC call and back."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import grpc
import structlog
from google.protobuf.message import Message
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis import metrics, telemetry
from chassis.rest.asgi import RequestContext, context_of, read_body, respond, send_problem
from chassis.rest.call_batcher import Answer, Call
from chassis.rest.headers import Headers, idempotency_key, tracestate, wait_seconds
from chassis.rest.problem import Problem, Refused, from_rpc_error
from chassis.rest.reply_writer import Reply, ReplyWriter
from chassis.rest.request_reader import RequestReader
from chassis.rest.route_table import Match
from chassis.rest.routes import Route
from chassis.rest.upstreams import Upstreams

BODY_LIMIT = 256 * 1024
TIMEOUT = 5.0
LONGEST_TIMEOUT = 30.0
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
MAX_SIGNATURE = 2_048
_PRINTABLE = re.compile(rb"[!-~]([ -~]*[!-~])?")

log = structlog.get_logger(__name__)
Metadata = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    route: Route
    reader: RequestReader
    writer: ReplyWriter


class Transcoder:
    """ASGI middleware that answers the paths of the route table; everything else goes on to the next app."""

    def __init__(self, app: ASGIApp, *, routes: tuple[Route, ...], upstreams: Upstreams) -> None:
        self._app = app
        self._upstreams = upstreams
        self._endpoints = {route: _Endpoint(route, RequestReader(route), ReplyWriter(route)) for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = context_of(scope).match if scope["type"] == "http" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        try:
            reply = await self._answer(match, scope, receive)
        except Refused as refused:
            await send_problem(scope, send, refused.problem)
        except grpc.aio.AioRpcError as error:
            await send_problem(scope, send, from_rpc_error(error))
        else:
            await respond(send, reply.status, reply.headers, reply.body)

    async def _answer(self, match: Match, scope: Scope, receive: Receive) -> Reply:
        context, route = context_of(scope), _route(match, scope["method"])
        endpoint = self._endpoints[route]
        _check_scopes(route, context)
        metadata, wait = _metadata(route, context)
        call = self._call(route, match, shared=_is_shared(route, wait))
        body = b""
        if route.body:
            body = await read_body(receive, BODY_LIMIT)
            _check_encoding(context.headers)
            if not route.raw_body:
                _check_media_type(context.headers, body)
        query: bytes = scope["query_string"]
        request = endpoint.reader.read(match.values, query, body, context.headers)
        response, trailing = await _invoke(call, request, metadata, min(TIMEOUT + wait, LONGEST_TIMEOUT))
        return endpoint.writer.write(response, context.path, query, trailing)

    def _call(self, route: Route, match: Match, *, shared: bool) -> Call:
        service = route.service
        name = service.upstream or match.values[route.variables.index(service.upstream_variable)]
        call = self._upstreams.call(name, route, shared=shared)
        if call is None:
            raise Refused(Problem("NOT_FOUND", f"There is no service {name!r}; use {', '.join(self._upstreams.names)}."))
        return call


def _route(match: Match, method: str) -> Route:
    route = match.routes.get(method) or (match.routes.get("GET") if method == "HEAD" else None)
    if route is None:
        allowed = sorted({*match.routes, *(["HEAD"] if "GET" in match.routes else [])})
        raise Refused(Problem("METHOD_NOT_ALLOWED", headers=((b"allow", ", ".join(allowed).encode()),)))
    return route


def _check_scopes(route: Route, context: RequestContext) -> None:
    """Refuse early what the service would refuse too."""
    if not route.needs_token:
        return
    if context.caller is None:
        raise Refused(Problem("UNAUTHENTICATED"))
    missing = [scope for scope in route.policy.scopes if scope not in context.caller.scopes]
    if missing:
        metrics.AUTH_FAILURES.inc()
        raise Refused(Problem("INSUFFICIENT_SCOPE", f"The token lacks the scope {' and '.join(missing)}."))


def _metadata(route: Route, context: RequestContext) -> tuple[Metadata, int]:
    headers = context.headers
    metadata = [("x-correlation-id", context.correlation_id)]
    if authorization := headers.get(b"authorization"):
        metadata.append(("authorization", authorization.decode("ascii")))
    if state := tracestate(headers.get(b"tracestate")):
        metadata.append(("tracestate", state))
    if not route.needs_token:
        metadata += _signature(headers)
    if not route.is_keyed:
        return metadata, 0
    key = idempotency_key(headers.get(b"idempotency-key"))
    if key is None:
        raise Refused(Problem("IDEMPOTENCY_KEY_REQUIRED"))
    metadata.append(("idempotency-key", key))
    wait = wait_seconds(headers.get(b"prefer"))
    if wait:
        metadata.append(("x-wait-seconds", str(wait)))
    return metadata, wait


def _signature(headers: Headers) -> Metadata:
    """Pass on what proves who sent the body; what no such header can be is as good as no proof."""
    sent = [(name, headers[name.encode()]) for name in SIGNATURE_HEADERS if name.encode() in headers]
    if any(len(value) > MAX_SIGNATURE or not _PRINTABLE.fullmatch(value) for _, value in sent):
        raise Refused(Problem("UNAUTHENTICATED"))
    return [(name, value.decode("ascii")) for name, value in sent]


def _is_shared(route: Route, wait: int) -> bool:
    """Whether a call may travel with others: commands of the domain, which are soon done."""
    return route.is_keyed and route.service.upstream != "" and not wait


def _check_encoding(headers: Headers) -> None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(Problem("UNSUPPORTED_MEDIA_TYPE", "Content-Encoding is not supported."))


def _check_media_type(headers: Headers, body: bytes) -> None:
    media_type, _, parameters = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    if not body and not media_type:
        return
    charset = parameters.replace(" ", "").replace('"', "")
    if media_type.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Refused(Problem("UNSUPPORTED_MEDIA_TYPE"))


async def _invoke(call: Call, request: Message, metadata: Metadata, timeout: float) -> Answer:
    started, code = time.perf_counter(), "OK"
    try:
        with telemetry.span(call.method.lstrip("/"), SpanKind.CLIENT) as traceparent:
            return await call(request, [*metadata, ("traceparent", traceparent)], timeout)
    except grpc.aio.AioRpcError as error:
        code = error.code().name
        if error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED):
            log.error("call failed", rpc=call.method, code=code)
        raise
    finally:
        metrics.RPC_CLIENT_DURATION.labels(call.method.lstrip("/"), code).observe(time.perf_counter() - started)
