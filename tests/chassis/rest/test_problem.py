"""Every row of the error table, from google.rpc.Status to problem document, and errors that carry no details."""

from __future__ import annotations

import grpc
import orjson
import pytest
from google.protobuf import duration_pb2
from google.rpc import status_pb2

from chassis.contracts import error_options
from chassis.errors import VersionMismatch, Violation
from chassis.interceptors import status_of
from chassis.rest.offence import Offence
from chassis.rest.problem import STATUS_DETAILS, Problem, field_pointer, from_rpc_error, reasons
from tests.chassis.rest.statuses import rich_status

ROWS = [
    ("MALFORMED_JSON", 400),
    ("UNKNOWN_FIELD", 400),
    ("INVALID_HEADER", 400),
    ("INVALID_PAGE_TOKEN", 400),
    ("UNSUPPORTED_MEDIA_TYPE", 415),
    ("PAYLOAD_TOO_LARGE", 413),
    ("HEADERS_TOO_LARGE", 431),
    ("VALIDATION_FAILED", 422),
    ("UNAUTHENTICATED", 401),
    ("INSUFFICIENT_SCOPE", 403),
    ("SELF_APPROVAL", 403),
    ("HUMAN_ONLY", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("ILLEGAL_STATE", 409),
    ("ALREADY_EXISTS", 409),
    ("DUPLICATE_REFERENCE", 409),
    ("STOCK_IN_USE", 409),
    ("NOT_REFUNDABLE", 409),
    ("NOT_CREDITABLE", 409),
    ("ALREADY_DECIDED", 409),
    ("STALE_DECISION", 409),
    ("IDEMPOTENCY_KEY_IN_PROGRESS", 409),
    ("VERSION_MISMATCH", 412),
    ("IDEMPOTENCY_KEY_REQUIRED", 400),
    ("IDEMPOTENCY_KEY_REUSED", 422),
    ("PRICE_MISMATCH", 422),
    ("RATE_LIMITED", 429),
    ("OVERLOADED", 503),
    ("UNAVAILABLE", 503),
    ("DEADLINE_EXCEEDED", 504),
    ("INTERNAL", 500),
]


def rpc_error(code: grpc.StatusCode, details: bytes | None = None, text: str = "internal text") -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(*([(STATUS_DETAILS, details)] if details is not None else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details=text)


def rich_error(status: status_pb2.Status) -> grpc.aio.AioRpcError:
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    return rpc_error(code, status.SerializeToString(), status.message)


def test_the_table_names_every_reason() -> None:
    assert sorted(reason for reason, _ in ROWS) == sorted(reasons())


@pytest.mark.parametrize(("reason", "http_status"), ROWS)
def test_a_reason_becomes_its_status(reason: str, http_status: int) -> None:
    problem = from_rpc_error(rich_error(rich_status(reason, "what happened")))
    document = orjson.loads(problem.document(instance="/v1/x", correlation_id="c", trace_id="t"))
    assert problem.status == http_status
    assert document == {
        "type": f"/docs/problems/{reason}",
        "title": error_options(reason).title,
        "status": http_status,
        "detail": "what happened",
        "instance": "/v1/x",
        "code": reason,
        "correlation_id": "c",
        "trace_id": "t",
        "hint": error_options(reason).remedy,
    }


@pytest.mark.parametrize(("reason", "http_status"), ROWS)
def test_headers_that_go_with_a_status(reason: str, http_status: int) -> None:
    headers = dict(Problem(reason).all_headers())
    assert (b"www-authenticate" in headers) == (http_status == 401)
    assert (b"retry-after" in headers) == (reason == "IDEMPOTENCY_KEY_IN_PROGRESS" or http_status in (429, 503))
    assert headers[b"content-type"] == b"application/problem+json"


def test_violations_hint_and_delay_are_taken_over() -> None:
    status = rich_status(
        "VALIDATION_FAILED",
        violations=[
            ("lines[0].unit_price.minor_units", "int64.gte", "not below 0"),
            ("", "lines.currency", "one currency"),
        ],
        hint="look at the price",
        delay=duration_pb2.Duration(seconds=2, nanos=1),
    )
    problem = from_rpc_error(rich_error(status))
    assert problem.errors == (
        Offence("/lines/0/unit_price/minor_units", "int64.gte", "not below 0"),
        Offence("", "lines.currency", "one currency"),
    )
    assert problem.hint == "look at the price"
    assert dict(problem.all_headers())[b"retry-after"] == b"3"


def test_what_a_service_raises_arrives() -> None:
    raised = VersionMismatch("it is at 5", hint="read it", violations=(Violation("lines[2].sku", "r", "d"),), retry_after=7)
    problem = from_rpc_error(rich_error(status_of(raised, "corr")))
    assert (problem.reason, problem.detail, problem.hint, problem.retry_after) == (
        "VERSION_MISMATCH",
        "it is at 5",
        "read it",
        7,
    )
    assert problem.errors == (Offence("/lines/2/sku", "r", "d"),)


@pytest.mark.parametrize("code", list(grpc.StatusCode))
@pytest.mark.parametrize("details", [None, b"", b"\xff\xff\xff", status_pb2.Status(message="x").SerializeToString()])
def test_an_error_without_details_shows_nothing_of_its_text(code: grpc.StatusCode, details: bytes | None) -> None:
    expected = {
        grpc.StatusCode.UNAVAILABLE: 503,
        grpc.StatusCode.DEADLINE_EXCEEDED: 504,
        grpc.StatusCode.CANCELLED: 503,
        grpc.StatusCode.UNAUTHENTICATED: 401,
        grpc.StatusCode.RESOURCE_EXHAUSTED: 503,
    }
    problem = from_rpc_error(rpc_error(code, details))
    assert problem.status == expected.get(code, 500)
    assert b"internal text" not in problem.document(instance="", correlation_id="", trace_id="")


def test_a_reason_of_another_domain_or_of_the_future_goes_by_its_code() -> None:
    assert from_rpc_error(rich_error(rich_status("NOT_FOUND", domain="example.com"))).reason == "INTERNAL"
    future = rich_status("NOT_FOUND")
    future.details[0].value = future.details[0].value.replace(b"NOT_FOUND", b"NOT_KNOWN")
    assert from_rpc_error(rich_error(future)).reason == "INTERNAL"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("", ""),
        ("order_id", "/order_id"),
        ("lines[0].sku", "/lines/0/sku"),
        ("a.b[12][3].c", "/a/b/12/3/c"),
        ('metadata["a.b/c~d"]', "/metadata/a.b~1c~0d"),
    ],
)
def test_field_paths_become_pointers(path: str, pointer: str) -> None:
    assert field_pointer(path) == pointer
