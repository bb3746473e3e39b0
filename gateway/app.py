"""Wires the gateway: the one place that knows every part of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as PlainRoute

from chassis import collector
from chassis.auth import SCOPE_CLIENT, TokenVerifier
from chassis.health import Readiness
from chassis.jwks import JwksSource
from chassis.rest.asgi import context_of
from chassis.rest.problem import Problem, Refused
from chassis.rest.route_table import RouteTable
from chassis.rest.transcoder import Transcoder
from chassis.rest.upstreams import Upstreams
from chassis.world import Actor
from gateway.docs import TITLE, add_docs, add_problem_pages
from gateway.middleware import (
    Authentication,
    RateLimitPerAddress,
    RateLimitPerPrincipal,
    RequestIdAndTrace,
    SizeAndHeaderLimits,
)
from gateway.rate_limits import RateLimiter, share_for_ever
from gateway.services import all_routes
from gateway.settings import GatewaySettings

_BY_STATUS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}


def build(settings: GatewaySettings, readiness: Readiness, jwks: JwksSource) -> FastAPI:
    """Build the application; channels and background tasks begin with its lifespan."""
    table = RouteTable(all_routes())
    upstreams = Upstreams(settings.upstreams, table.routes)
    verifier = TokenVerifier(issuer=settings.oidc_issuer, audience=SCOPE_CLIENT, jwks=jwks)
    per_address = RateLimiter("address", settings.per_address)
    per_principal = RateLimiter("principal", settings.per_principal)
    readiness.add("jwks", verifier.ready)
    for name in upstreams.names:
        readiness.inform(name, lambda name=name: upstreams.is_connected(name))  # type: ignore[misc]

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await upstreams.open()
        collector.spare_start_up()
        async with _background(settings, jwks, (per_address, per_principal)):
            yield
        readiness.set_stopping()
        await upstreams.close()

    app = FastAPI(
        title=TITLE,
        openapi_url=None,
        telemetry={"operation_spans": False},
        lifespan=lifespan,
        exception_handlers={HTTPException: _problem_of},
        middleware=[
            Middleware(RequestIdAndTrace, table=table),
            Middleware(SizeAndHeaderLimits, allowed_hosts=settings.allowed_hosts),
            Middleware(RateLimitPerAddress, limiter=per_address),
            Middleware(Authentication, verifier=verifier),
            Middleware(RateLimitPerPrincipal, limiter=per_principal),
            Middleware(Transcoder, routes=table.routes, upstreams=upstreams),
        ],
    )
    _add_own_routes(app, readiness)
    if settings.is_dev:
        add_docs(app)
    return app


def _add_own_routes(app: FastAPI, readiness: Readiness) -> None:
    async def ready(_: Request) -> Response:
        report = readiness.report()
        return Response(report.to_json(), 200 if report.ready else 503, media_type="application/json")

    app.router.routes += [
        PlainRoute("/livez", _live),
        PlainRoute("/readyz", ready),
        PlainRoute("/v1/me", _me),
    ]
    add_problem_pages(app)


async def _live(_: Request) -> Response:
    return JSONResponse({"live": True})


async def _me(request: Request) -> Response:
    caller = context_of(request.scope).caller
    if not isinstance(caller, Actor):
        raise Refused(Problem("UNAUTHENTICATED"))
    return JSONResponse(
        {
            "subject": caller.subject,
            "username": caller.username,
            "roles": sorted(caller.roles),
            "scopes": sorted(caller.scopes),
        }
    )


async def _problem_of(request: Request, error: Exception) -> Response:
    """Turn what the framework raises into a problem document."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    sent = getattr(error, "headers", None) or {}
    headers = tuple((name.lower().encode(), value.encode()) for name, value in sent.items())
    raise Refused(Problem(_BY_STATUS.get(status, "MALFORMED_JSON" if status < 500 else "INTERNAL"), headers=headers))


@contextlib.asynccontextmanager
async def _background(settings: GatewaySettings, jwks: JwksSource, limiters: tuple[RateLimiter, ...]) -> AsyncIterator[None]:
    """Run what goes on beside requests: fetching the issuer's keys, sharing rate limits."""
    tasks = [asyncio.create_task(jwks.warm())]
    if settings.redis_url:
        tasks.append(asyncio.create_task(share_for_ever(limiters, settings.redis_url)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await jwks.aclose()
