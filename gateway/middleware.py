"""The steps of every request before its RPC, each plain ASGI; app.py lists them in order."""

from __future__ import annotations

import re
import time

import structlog
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import metrics, telemetry
from chassis.auth import IssuerUnavailable, TokenVerifier, Unauthenticated
from chassis.rest.asgi import ClientGone, RequestContext, bind_context, context_of, send_problem
from chassis.rest.headers import InvalidHeader, correlation_id, new_correlation_id
from chassis.rest.problem import Problem, Refused
from chassis.rest.route_table import RouteTable
from chassis.rest.transcoder import BODY_LIMIT, SIGNATURE_HEADERS
from chassis.world import Actor
from gateway.rate_limits import Quota, RateLimiter

MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024
MAX_URL_BYTES = 8 * 1024
CLIENT_GONE = 499  # shown in metrics only
API = "/v1"
PROBES = ("/livez", "/readyz")
_OWN_ROUTES = frozenset((*PROBES, f"{API}/me", "/docs", "/redoc", "/openapi.json"))
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)")
_ONCE = frozenset(
    (
        *(b"host", b"authorization", b"idempotency-key", b"if-match", b"content-length", b"content-type"),
        *(b"traceparent", b"x-correlation-id"),
    )
)

log = structlog.get_logger(__name__)


class RequestIdAndTrace:
    """Step 1: the context of the request, its metric, its log line when it fails, and headers every answer has."""

    def __init__(self, app: ASGIApp, *, table: RouteTable) -> None:
        self._app = app
        self._table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = _context(scope)
        bind_context(scope, context)
        watched = _Answer(send, context)
        started = time.perf_counter()
        ids = telemetry.TraceContext(context.traceparent, context.correlation_id, new_correlation_id())
        with telemetry.bind(ids):
            try:
                self._identify(scope, context)
                await self._app(scope, receive, watched)
            except Refused as refused:
                await send_problem(scope, watched, refused.problem)
            except ClientGone:
                watched.status = CLIENT_GONE
            except Exception:
                log.exception("request failed", method=scope["method"], route=_route_label(scope))
                if not watched.status:
                    await send_problem(scope, watched, Problem("INTERNAL"))
            finally:
                labels = scope["method"] if scope["method"] in _METHODS else "_OTHER", _route_label(scope), watched.status
                metrics.HTTP_SERVER_DURATION.labels(*labels).observe(time.perf_counter() - started)

    def _identify(self, scope: Scope, context: RequestContext) -> None:
        sent = context.headers.get(b"x-correlation-id")
        if sent is not None:
            try:
                correlation_id(sent)
            except InvalidHeader as error:
                raise Refused(Problem("INVALID_HEADER", str(error))) from error
        try:
            context.match = self._table.find(context.path)
        except UnicodeDecodeError as error:
            raise Refused(Problem("MALFORMED_JSON", "The path is not valid UTF-8.")) from error


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def _context(scope: Scope) -> RequestContext:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    try:
        identity = correlation_id(headers[b"x-correlation-id"])
    except (KeyError, InvalidHeader):
        identity = new_correlation_id()
    return RequestContext(
        headers=headers,
        path=scope["raw_path"].decode("latin-1"),
        correlation_id=identity,
        traceparent=_traceparent(headers.get(b"traceparent", b"").decode("latin-1")),
    )


def _traceparent(sent: str) -> str:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"
    return telemetry.child(sent)


def _route_label(scope: Scope) -> str:
    context = context_of(scope)
    if context.match:
        return next(iter(context.match.routes.values())).path
    return context.path if context.path in _OWN_ROUTES else "none"


class _Answer:
    """Sends an answer with the headers that every answer has, and remembers its status."""

    __slots__ = ("_context", "_send", "status")

    def __init__(self, send: Send, context: RequestContext) -> None:
        self._send = send
        self._context = context
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            context = self._context
            headers = [*message["headers"], *context.reply_headers, (b"x-content-type-options", b"nosniff")]
            headers.append((b"x-correlation-id", context.correlation_id.encode()))
            if context.path.startswith(API):
                headers.append((b"cache-control", b"no-store"))
            message["headers"] = headers
        await self._send(message)


class SizeAndHeaderLimits:
    """Step 2: what is too large, or has a header that cannot be trusted, goes no further."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: frozenset[str]) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self._problem(scope)):
            await send_problem(scope, send, problem)
            return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        size = sum(len(name) + len(value) + 4 for name, value in sent)
        url = len(scope["raw_path"]) + len(scope["query_string"])
        if len(sent) > MAX_HEADERS or size > MAX_HEADER_BYTES or url > MAX_URL_BYTES:
            return Problem("HEADERS_TOO_LARGE")
        for name, value in sent:
            if _UNPRINTABLE.search(value) and not _is_proof(scope, name):
                return Problem("INVALID_HEADER", f"{name.decode('latin-1')} has a character that is not printable ASCII.")
        headers = context_of(scope).headers
        if len(headers) != len(sent) and (twice := _repeated(sent)):
            return Problem("INVALID_HEADER", f"{twice} is given twice.")
        if not self._is_our_host(headers.get(b"host", b"").decode("ascii")):
            return Problem("INVALID_HEADER", "Host is missing or is not served here.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > BODY_LIMIT * 4:
            return Problem("PAYLOAD_TOO_LARGE", headers=((b"connection", b"close"),))
        return None

    def _is_our_host(self, host: str) -> bool:
        name = host if host.endswith("]") else re.sub(r":[0-9]{1,5}$", "", host)
        return name.lower() in self._allowed_hosts or ("*" in self._allowed_hosts and name != "")


def _is_proof(scope: Scope, name: bytes) -> bool:
    """Whether a header proves a call that takes no token: what it says is judged there, and is 401 if it says nothing."""
    match = context_of(scope).match
    route = match.routes.get(scope["method"]) if match else None
    return route is not None and not route.needs_token and name.decode("latin-1") in SIGNATURE_HEADERS


def _repeated(sent: list[tuple[bytes, bytes]]) -> str:
    names = [name for name, _ in sent]
    return next((name.decode("latin-1") for name in names if name in _ONCE and names.count(name) > 1), "")


class RateLimitPerAddress:
    """Step 3: no client address takes more than its share; probes are not counted."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            client = scope.get("client")
            quota = self._limiter.hit(client[0] if client else "unknown")
            if not quota.allowed:
                await send_problem(scope, send, _rate_limited(quota))
                return
        await self._app(scope, receive, send)


class Authentication:
    """Step 4: everything under /v1 needs a token, except what proves itself to the service by a signature."""

    def __init__(self, app: ASGIApp, *, verifier: TokenVerifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._needs_token(scope):
            try:
                context_of(scope).caller = await self._verify(context_of(scope))
            except Refused as refused:
                await send_problem(scope, send, refused.problem)
                return
        await self._app(scope, receive, send)

    def _needs_token(self, scope: Scope) -> bool:
        context = context_of(scope)
        if context.match and (route := context.match.routes.get(scope["method"])):
            return route.needs_token
        path: str = scope["path"]
        return path == API or path.startswith(f"{API}/")

    async def _verify(self, context: RequestContext) -> Actor:
        found = _BEARER.fullmatch(context.headers.get(b"authorization", b"").decode("latin-1"))
        try:
            if found is None:
                raise Unauthenticated("no_bearer_token")
            return await self._verifier.verify(found[1])
        except IssuerUnavailable as error:
            raise Refused(Problem("UNAVAILABLE", "The keys of the token issuer are not known yet.")) from error
        except Unauthenticated as error:
            metrics.AUTH_FAILURES.inc()
            log.info("token refused", check=error.check)
            raise Refused(Problem("UNAUTHENTICATED")) from error


class RateLimitPerPrincipal:
    """Step 5: no caller takes more than its share, from wherever it calls."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter
        self._policy = b'"%s";q=%d;w=%d' % (limiter.name.encode(), limiter.amount, limiter.seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = context_of(scope).caller if scope["type"] == "http" else None
        if isinstance(caller, Actor):
            quota = self._limiter.hit(caller.key)
            left = b'"%s";r=%d;t=%d' % (self._limiter.name.encode(), quota.remaining, quota.reset)
            context_of(scope).reply_headers += [(b"ratelimit-policy", self._policy), (b"ratelimit", left)]
            if not quota.allowed:
                await send_problem(scope, send, _rate_limited(quota))
                return
        await self._app(scope, receive, send)


def _rate_limited(quota: Quota) -> Problem:
    return Problem("RATE_LIMITED", retry_after=quota.reset)
