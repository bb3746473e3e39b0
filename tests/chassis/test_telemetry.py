"""Logs are JSON lines that tie to a trace and hold no secret; trace context is carried with and without an exporter."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from chassis import telemetry

ROOT = Path(__file__).parents[2]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")
CANARY = "canary-4711"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    telemetry.configure_logging("order-svc", "info")
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_says_when_who_and_what(lines: Any) -> None:
    structlog.get_logger("x").info("order placed", order_id="o-1", service="not me")
    (line,) = lines()
    assert list(line)[:5] == ["ts", "level", "event", "service", "version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    assert (line["level"], line["event"], line["service"], line["order_id"]) == ("info", "order placed", "order-svc", "o-1")


def test_a_line_carries_the_bound_trace_and_values(lines: Any) -> None:
    context = telemetry.TraceContext(PARENT, "corr-1", "req-1")
    with telemetry.bind(context), structlog.contextvars.bound_contextvars(event_id="e-1"):
        structlog.get_logger().warning("inside")
    structlog.get_logger().warning("outside")
    inside, outside = lines()
    assert inside["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (inside["correlation_id"], inside["request_id"], inside["event_id"]) == ("corr-1", "req-1", "e-1")
    assert not {"trace_id", "event_id"} & set(outside)


def test_lines_below_the_level_are_not_written(lines: Any) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("library").debug("quiet")
    assert lines() == []


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        telemetry.configure_logging("order-svc", "loud")


def test_libraries_log_in_the_same_form(lines: Any) -> None:
    logging.getLogger("uvicorn.error").error("refused %s", f"Bearer {CANARY}")
    (line,) = lines()
    assert (line["level"], line["logger"], line["event"]) == ("error", "uvicorn.error", "refused Bearer [redacted]")


def test_no_secret_is_written(lines: Any) -> None:
    log = structlog.get_logger()
    log.info(
        f"token={CANARY}", authorization=f"Bearer {CANARY}", nested={"headers": [{"Cookie": CANARY}]}, raw=CANARY.encode()[:0]
    )
    log.info("dsn", url=f"postgresql://app:{CANARY}@127.0.0.1/order_svc")
    assert CANARY not in json.dumps(lines())


@pytest.mark.parametrize("through", ["structlog", "logging"])
def test_tracebacks_show_frames_but_no_locals_and_no_secret(lines: Any, through: str) -> None:
    def fail() -> None:
        local = CANARY
        raise ValueError(f"password={local}")

    try:
        fail()
    except ValueError:
        if through == "structlog":
            structlog.get_logger().exception("failed")
        else:
            logging.getLogger("x").exception("failed")
    (line,) = lines()
    (error,) = line["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("ValueError", "password=[redacted]")
    assert [frame["name"] for frame in error["frames"]][-1] == "fail"
    assert all(set(frame) == {"filename", "lineno", "name"} for frame in error["frames"])
    assert CANARY not in json.dumps(line)


@pytest.mark.parametrize("value", [2**80, "\ud800", float("inf"), {1: object()}, b"\xff", {1, 2}])
def test_odd_values_do_not_lose_the_line(lines: Any, value: Any) -> None:
    structlog.get_logger().info("odd", value=value)
    (line,) = lines()
    assert line["event"] == "odd"


def test_a_child_stays_in_its_trace_with_a_span_of_its_own() -> None:
    one, two = telemetry.child(PARENT), telemetry.child(PARENT)
    assert TRACEPARENT.fullmatch(one)
    assert one[:36] == two[:36] == PARENT[:36]
    assert len({one, two, PARENT}) == 3
    assert telemetry.child(PARENT[:-2] + "00").endswith("-00")
    assert telemetry.child("01" + PARENT[2:] + "-more")[:36] == PARENT[:36]


@pytest.mark.parametrize(
    "sent",
    ["", "garbage", PARENT.upper(), PARENT + "-more", "ff" + PARENT[2:], f"00-{'0' * 32}-b7ad6b7169203331-01", PARENT + "\n"],
)
def test_a_malformed_traceparent_starts_a_new_trace(sent: str) -> None:
    made = telemetry.child(sent)
    assert TRACEPARENT.fullmatch(made)
    assert made[3:35] not in {"0af7651916cd43dd8448eb211c80319c", "0" * 32}


def test_a_new_context_continues_what_was_sent_and_makes_what_was_not() -> None:
    continued = telemetry.new_context(traceparent=PARENT, correlation_id="corr-1", request_id="req-1")
    assert (continued.trace_id, continued.correlation_id, continued.request_id) == (PARENT[3:35], "corr-1", "req-1")
    assert telemetry.new_context().correlation_id != telemetry.new_context().correlation_id != ""


def test_binding_ends_with_its_block() -> None:
    with telemetry.bind(telemetry.new_context(traceparent=PARENT)) as outer:
        with telemetry.bind(telemetry.new_context()) as inner:
            assert telemetry.current() is inner
        assert telemetry.current() is outer
    assert telemetry.current().trace_id != outer.trace_id


def test_without_an_exporter_spans_still_carry_the_trace() -> None:
    with telemetry.span("consume", parent_traceparent=PARENT) as outer:
        assert outer[:36] == PARENT[:36]
        assert telemetry.current().traceparent == outer
        with telemetry.span("decide") as inner:
            assert inner[:36] == PARENT[:36]
            assert inner != outer
    with telemetry.span("root") as root:
        assert TRACEPARENT.fullmatch(root)
        assert root[:36] != PARENT[:36]


SPANS = f"""
from opentelemetry.trace import SpanKind
from chassis import telemetry
assert telemetry.configure_tracing("order-svc")
with telemetry.span("consume", SpanKind.CONSUMER, {{"messaging.system": "kafka"}}, parent_traceparent={PARENT!r}) as outer:
    with telemetry.span("decide") as inner:
        print(outer, inner)
with telemetry.span("batch", links=[{PARENT!r}]):
    pass
try:
    with telemetry.span("fails"):
        raise ValueError({CANARY!r})
except ValueError:
    pass
"""


class Sink(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.received: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(self, request: Any, context: Any) -> Any:
        self.received.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self) -> dict[str, Span]:
        scopes = [scope for request in self.received for resource in request.resource_spans for scope in resource.scope_spans]
        return {span.name: span for scope in scopes for span in scope.spans}


@pytest.fixture(scope="module")
def exported() -> tuple[dict[str, Span], list[str], str]:
    sink = Sink()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(sink, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", SPANS], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    server.stop(None).wait()
    return sink.spans(), ended.stdout.split(), "".join(map(str, sink.received))


def test_exported_spans_are_one_trace_with_the_remote_parent(exported: Any) -> None:
    spans, (outer, inner), _ = exported
    consume, decide = spans["consume"], spans["decide"]
    assert (consume.kind, consume.trace_id.hex(), consume.parent_span_id.hex()) == (
        Span.SPAN_KIND_CONSUMER,
        *PARENT.split("-")[1:3],
    )
    assert outer == f"00-{consume.trace_id.hex()}-{consume.span_id.hex()}-01"
    assert inner == f"00-{decide.trace_id.hex()}-{decide.span_id.hex()}-01"
    assert decide.parent_span_id == consume.span_id


def test_an_exported_batch_links_its_messages_and_starts_its_own_trace(exported: Any) -> None:
    batch = exported[0]["batch"]
    assert [link.trace_id.hex() for link in batch.links] == [PARENT[3:35]]
    assert batch.trace_id.hex() != PARENT[3:35]


def test_an_exported_failure_names_its_type_and_never_its_text(exported: Any) -> None:
    fails = exported[0]["fails"]
    assert fails.status.code == 2
    assert {a.key: a.value.string_value for a in fails.attributes} == {"error.type": "ValueError"}
    assert CANARY not in exported[2]
    assert "order-svc" in exported[2]


def test_nothing_is_exported_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert telemetry.configure_tracing("order-svc") is False
