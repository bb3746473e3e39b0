"""What every RPC passes before its servicer sees it, in one visible list: telemetry → errors → token and scope → validation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from atlas.common.v1 import options_pb2
from chassis import auth, metrics, telemetry, validation
from chassis.calls import Call, current_call
from chassis.contracts import error_options, policy_of
from chassis.database import is_infrastructure, sqlstate, unavailable
from chassis.errors import (
    HumanOnly,
    IdempotencyKeyRequired,
    InsufficientScope,
    Refusal,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
    Violation,
)
from chassis.world import Actor

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[[Message, Context], Awaitable[Message]]
ERROR_DOMAIN = "atlas"
MAX_WAIT_SECONDS = 10
SIGNER = Actor(issuer="", subject="payment-provider", username="payment-provider", client="")
"""Who calls a method that is proved by a signature over the body. The servicer verifies it: only that knows the secrets."""
MAX_CORRELATION_ID = 128


@dataclass(slots=True)
class Rpc:
    """One RPC on its way through the interceptors."""

    method: str
    policy: options_pb2.MethodPolicy
    request: Message
    context: Context
    metadata: dict[str, str]
    trace: telemetry.TraceContext = field(init=False)
    """Set by the first interceptor."""


Next = Callable[[Rpc], Awaitable[Message]]
Interceptor = Callable[[Rpc, Next], Awaitable[Message]]


async def with_telemetry(rpc: Rpc, proceed: Next) -> Message:
    """Continue the caller's trace, and measure."""
    rpc.trace = telemetry.new_context(
        traceparent=rpc.metadata.get("traceparent", ""), correlation_id=_correlation_id(rpc.metadata)
    )
    started = time.perf_counter()
    code = "OK"
    with telemetry.bind(rpc.trace):
        try:
            return await proceed(rpc)
        except grpc.aio.AbortError:
            code = rpc.context.code().name if rpc.context.code() else "UNKNOWN"
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            metrics.RPC_SERVER_DURATION.labels(rpc.method.lstrip("/"), code).observe(time.perf_counter() - started)


def _correlation_id(metadata: dict[str, str]) -> str:
    """Take over the caller's id if it is short and printable; it goes into logs, events and the audit."""
    given = metadata.get("x-correlation-id", "")
    return given if len(given) <= MAX_CORRELATION_ID and given.isascii() and given.isprintable() else ""


async def with_errors(rpc: Rpc, proceed: Next) -> Message:
    """Turn a refusal into google.rpc.Status; of an unexpected error only the correlation id leaves the process."""
    try:
        return await proceed(rpc)
    except Exception as error:
        status = status_of(_refusal(rpc, error), rpc.trace.correlation_id)
    await rpc.context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("unreachable")


def _refusal(rpc: Rpc, error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if is_infrastructure(error):
        log.warning("rpc_unavailable", method=rpc.method, error_class=type(error).__name__, sqlstate=sqlstate(error))
        return unavailable(error)
    log.error("rpc_failed", method=rpc.method, exc_info=error)
    return Refusal("an unexpected error; the log has its cause")


def status_of(refusal: Refusal, correlation_id: str) -> status_pb2.Status:
    """Return the rich status of a refusal: ErrorInfo, and BadRequest or RetryInfo where they apply."""
    info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=ERROR_DOMAIN)
    info.metadata["correlation_id"] = correlation_id
    if refusal.hint:
        info.metadata["hint"] = refusal.hint
    details: list[Message] = [info]
    if refusal.violations:
        details.append(_bad_request(refusal.violations))
    if refusal.retry_after is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=refusal.retry_after)))
    status = status_pb2.Status(code=error_options(refusal.reason).grpc_code, message=refusal.detail)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _bad_request(violations: tuple[Violation, ...]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=v.field, reason=v.rule, description=v.message)
            for v in violations[: validation.MAX_VIOLATIONS]
        ]
    )


def with_token(verifier: auth.TokenVerifier) -> Interceptor:
    """Verify the token and the scopes in the method's own policy; deny by default."""

    async def interceptor(rpc: Rpc, proceed: Next) -> Message:
        is_signed = rpc.policy.auth == options_pb2.AUTH_PROVIDER_SIGNATURE
        actor = SIGNER if is_signed else await _authenticate(verifier, rpc)
        missing = [scope for scope in rpc.policy.scopes if scope not in actor.scopes]
        if missing:
            metrics.AUTH_FAILURES.inc()
            raise InsufficientScope(f"this call needs the scope {', '.join(missing)}")
        if rpc.policy.human_only and not actor.human:
            metrics.AUTH_FAILURES.inc()
            raise HumanOnly("only a person may do this")
        call = Call(
            method=rpc.method,
            actor=actor,
            idempotency_key=_idempotency_key(rpc),
            correlation_id=rpc.trace.correlation_id,
            traceparent=rpc.trace.traceparent,
            wait_seconds=_wait_seconds(rpc.metadata.get("x-wait-seconds", "")),
        )
        mark = current_call.set(call)
        try:
            return await proceed(rpc)
        finally:
            current_call.reset(mark)

    return interceptor


async def _authenticate(verifier: auth.TokenVerifier, rpc: Rpc) -> Actor:
    scheme, _, token = rpc.metadata.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise auth.Unauthenticated("scheme")
        return await verifier.verify(token)
    except auth.IssuerUnavailable:
        raise Unavailable("tokens cannot be judged: the issuer's keys are not known", retry_after=1) from None
    except auth.Unauthenticated as error:
        metrics.AUTH_FAILURES.inc()
        log.info("unauthenticated", check=error.check, method=rpc.method)
        raise Unauthenticated("the access token is missing or not valid") from None


def _idempotency_key(rpc: Rpc) -> str:
    if rpc.policy.idempotency == options_pb2.IDEMPOTENCY_BY_MESSAGE:
        return rpc.metadata.get("webhook-id", "")
    key = rpc.metadata.get("idempotency-key", "")
    if rpc.policy.idempotency != options_pb2.IDEMPOTENCY_KEYED:
        return ""
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise IdempotencyKeyRequired("send idempotency-key with 1 to 255 printable ASCII characters")
    return key


def _wait_seconds(text: str) -> int:
    return min(int(text), MAX_WAIT_SECONDS) if text.isdecimal() and len(text) < 4 else 0


async def with_validation(rpc: Rpc, proceed: Next) -> Message:
    """Refuse a request that breaks a rule in its contract, naming every broken field (the first 25)."""
    broken = validation.violations(rpc.request)
    if broken:
        fields = ", ".join(dict.fromkeys(v.field or "the request" for v in broken))
        raise ValidationFailed(f"{len(broken)} rule(s) broken: {fields}", violations=broken)
    return await proceed(rpc)


class Chain:
    """Puts the interceptors around the methods of a service, once, when they are added to a server.

    The library's own interceptors are asked again at each call, which costs more than ours all together.
    """

    def __init__(self, verifier: auth.TokenVerifier) -> None:
        self._interceptors: tuple[Interceptor, ...] = (
            with_telemetry,
            with_errors,
            with_token(verifier),
            with_validation,
        )

    def around(self, contract: ServiceDescriptor, handlers: Mapping[str, Any]) -> dict[str, Any]:
        """Wrap the handlers of a service's methods. One without a policy in the contract is left out: UNIMPLEMENTED."""
        policies = {method.name: policy for method in contract.methods if (policy := policy_of(method))}
        return {
            name: grpc.unary_unary_rpc_method_handler(
                self._around(f"/{contract.full_name}/{name}", policy, handlers[name].unary_unary),
                request_deserializer=handlers[name].request_deserializer,
                response_serializer=handlers[name].response_serializer,
            )
            for name, policy in policies.items()
            if name in handlers
        }

    def _around(self, method: str, policy: options_pb2.MethodPolicy, handler: Handler) -> Handler:
        async def innermost(rpc: Rpc) -> Message:
            return await handler(rpc.request, rpc.context)

        proceed: Next = innermost
        for interceptor in reversed(self._interceptors):
            proceed = _bound(interceptor, proceed)

        async def serve(request: Message, context: Context) -> Message:
            metadata = {str(key): _text(value) for key, value in context.invocation_metadata() or ()}
            return await proceed(Rpc(method, policy, request, context, metadata))

        return serve


def _bound(interceptor: Interceptor, proceed: Next) -> Next:
    async def call(rpc: Rpc) -> Message:
        return await interceptor(rpc, proceed)

    return call


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else ""
