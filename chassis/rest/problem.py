"""Problem documents (RFC 9457), and what a gRPC error becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import grpc
import orjson
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from atlas.common.v1 import error_reason_pb2
from chassis.contracts import REASON_PREFIX, error_options
from chassis.rest.offence import MALFORMED, UNKNOWN, Offence, Offences, escape

CONTENT_TYPE = b"application/problem+json"
STATUS_DETAILS = "grpc-status-details-bin"
DOMAIN = "atlas"
_STEP = re.compile(r"([^.\[\]]+)|\[(?:\"((?:[^\"\\]|\\.)*)\"|([^\]]*))\]")
_DEFAULT_RETRY_SECONDS = 1
_BY_CODE = {
    grpc.StatusCode.UNAVAILABLE: "UNAVAILABLE",
    grpc.StatusCode.CANCELLED: "UNAVAILABLE",  # not by us: a server that stops cancels what it has not begun
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.UNAUTHENTICATED: "UNAUTHENTICATED",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was refused.

    `reason` is an ErrorReason without prefix; status, title and remedy come from the contract. `retry_after` is in seconds.
    """

    reason: str
    detail: str = ""
    errors: Sequence[Offence] = ()
    hint: str = ""
    retry_after: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())

    @property
    def status(self) -> int:
        """The HTTP status of the reason."""
        return error_options(self.reason).http_status

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that go with the document."""
        headers = [(b"content-type", CONTENT_TYPE), *self.headers]
        retry_after = self.retry_after
        if retry_after is None and error_options(self.reason).retryable and self.status != 504:
            retry_after = _DEFAULT_RETRY_SECONDS
        if retry_after is not None:
            headers.append((b"retry-after", str(retry_after).encode()))
        if self.status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="atlas"'))
        return headers

    def document(self, *, instance: str, correlation_id: str, trace_id: str) -> bytes:
        """Write the document; `errors` is there only when it says something."""
        options = error_options(self.reason)
        body: dict[str, object] = {
            "type": f"/docs/problems/{self.reason}",
            "title": options.title,
            "status": options.http_status,
            "detail": self.detail or options.title,
            "instance": instance,
            "code": self.reason,
            "correlation_id": correlation_id,
            "trace_id": trace_id,
            "hint": self.hint or options.remedy,
        }
        if self.errors:
            body["errors"] = [{"pointer": e.pointer, "reason": e.reason, "detail": e.detail} for e in self.errors]
        return orjson.dumps(body)


def reasons() -> tuple[str, ...]:
    """Name every reason a problem document can give, in the contract's order."""
    return tuple(name.removeprefix(REASON_PREFIX) for name, number in error_reason_pb2.ErrorReason.items() if number)


class Refused(Exception):
    """Raised anywhere on a request's path to answer it with a problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def from_offences(offences: Offences) -> Problem:
    """Make the problem of a request that cannot be read: MALFORMED_JSON, or UNKNOWN_FIELD when that is all."""
    only_unknown = all(offence.reason == UNKNOWN for offence in offences.found)
    count = f"{offences.total} places" if offences.total > 1 else "one place"
    shown = f"; the first {len(offences.found)} are listed" if offences.total > len(offences.found) else ""
    return Problem(UNKNOWN if only_unknown else MALFORMED, f"The request is wrong in {count}{shown}.", tuple(offences.found))


def from_rpc_error(error: grpc.aio.AioRpcError) -> Problem:
    """Make the problem of a failed call: from its google.rpc.Status if it has one, else from its code alone.

    The text of an error without details is never shown: it was not written for callers.
    """
    status = _status(error)
    details = _Details.read(status)
    reason = details.info.reason if details.info.domain == DOMAIN else ""
    if not reason or not _is_known(reason):
        return Problem(_BY_CODE.get(error.code(), "INTERNAL"))
    return Problem(
        reason,
        detail=status.message,
        errors=tuple(
            Offence(field_pointer(v.field), v.reason or "VALIDATION_FAILED", v.description)
            for v in details.request.field_violations
        ),
        hint=details.info.metadata.get("hint", ""),
        retry_after=details.retry_after,
    )


def field_pointer(path: str) -> str:
    """Turn a field path such as `lines[0].sku` into a JSON pointer such as `/lines/0/sku`."""
    return "".join(f"/{escape(name or text or index)}" for name, text, index in _STEP.findall(path))


@dataclass(slots=True)
class _Details:
    info: error_details_pb2.ErrorInfo = field(default_factory=error_details_pb2.ErrorInfo)
    request: error_details_pb2.BadRequest = field(default_factory=error_details_pb2.BadRequest)
    retry: error_details_pb2.RetryInfo | None = None

    @property
    def retry_after(self) -> int | None:
        """Whole seconds, rounded up, at least one."""
        if self.retry is None:
            return None
        delay = self.retry.retry_delay
        return max(1, delay.seconds + (delay.nanos > 0))

    @classmethod
    def read(cls, status: status_pb2.Status) -> _Details:
        """Pick out the details we know."""
        details = cls()
        for packed in status.details:
            if packed.TypeName() == "google.rpc.ErrorInfo":
                packed.Unpack(details.info)
            elif packed.TypeName() == "google.rpc.BadRequest":
                packed.Unpack(details.request)
            elif packed.TypeName() == "google.rpc.RetryInfo":
                details.retry = error_details_pb2.RetryInfo()
                packed.Unpack(details.retry)
        return details


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    try:
        return status_pb2.Status.FromString(_binary(error.trailing_metadata() or ()))
    except DecodeError:
        return status_pb2.Status()


def _binary(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    for key, value in metadata:
        if key == STATUS_DETAILS and isinstance(value, bytes):
            return value
    return b""


def _is_known(reason: str) -> bool:
    try:
        error_options(reason)
    except KeyError:
        return False
    return True
