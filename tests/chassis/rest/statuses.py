"""Builder of the rich statuses that services answer with."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from chassis.contracts import error_options


def rich_status(
    reason: str,
    message: str = "refused",
    *,
    violations: Iterable[tuple[str, str, str]] = (),
    hint: str = "",
    delay: duration_pb2.Duration | None = None,
    domain: str = "atlas",
) -> status_pb2.Status:
    """A google.rpc.Status with ErrorInfo, and with BadRequest and RetryInfo where asked for."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"hint": hint} if hint else {})
    details: list[Message] = [info]
    fields = [
        error_details_pb2.BadRequest.FieldViolation(field=field, reason=rule, description=text)
        for field, rule, text in violations
    ]
    if fields:
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    if delay is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=error_options(reason).grpc_code, message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status
