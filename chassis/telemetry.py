"""Logs and traces: JSON lines on standard output, W3C trace context, and spans over OTLP when somebody collects them.

A trace context travels HTTP → gRPC → outbox → Kafka → reactions whether or not spans are exported, so that log lines of
one saga carry one trace_id. Nothing here ever writes a secret (`redaction`) or the locals of a traceback.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import random
import re
import secrets
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

from chassis import metrics
from chassis.redaction import redact

LEVELS: Final = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
Attributes = Mapping[str, str | int | float | bool]

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


# Trace context.


@dataclass(frozen=True, slots=True)
class TraceContext:
    """What ties the work of one request or message together. An empty request_id: not caused by a request."""

    traceparent: str
    correlation_id: str
    request_id: str = ""

    @property
    def trace_id(self) -> str:
        """The 32 hex digits shared by everything in this trace."""
        return self.traceparent[3:35]


_random = random.Random(secrets.randbits(128))  # noqa: S311 - ids only need to differ, and the system's source costs a call each
_trace: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def new_traceparent() -> str:
    """Return the traceparent of a new, sampled trace."""
    return f"00-{_hex(32)}-{_hex(16)}-01"


def child(traceparent: str) -> str:
    """Return a traceparent with a span id of its own in the same trace; a malformed one starts a new trace."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (match[1] == "00" and match[5]):
        return new_traceparent()
    return f"00-{match[2]}-{_hex(16)}-{match[4]}"


def _hex(digits: int) -> str:
    """Random hex digits, not all zero, which the format forbids."""
    return f"{_random.randrange(1, 16**digits):0{digits}x}"


def new_context(*, traceparent: str = "", correlation_id: str = "", request_id: str = "") -> TraceContext:
    """Return a context continuing what the caller sent; what is absent or malformed is made anew."""
    return TraceContext(child(traceparent), correlation_id or str(uuid.uuid4()), request_id)


@contextmanager
def bind(context: TraceContext) -> Iterator[TraceContext]:
    """Make `context` the current one, for logs and spans, while the block runs."""
    mark = _trace.set(context)
    try:
        yield context
    finally:
        _trace.reset(mark)


def current() -> TraceContext:
    """Return the bound context, or the root of a new trace when none is bound."""
    return _trace.get() or new_context()


# Logs.


def configure_logging(service: str, level: str) -> None:
    """Send all logs of this process, also those of libraries, to standard output as JSON lines."""
    threshold = LEVELS[level.upper()]
    metrics.BUILD.info({"service": service, "version": version(), "python": sys.version.split()[0]})
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _stamp(service),
            _redact,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=max(threshold, logging.INFO), force=True)


def version() -> str:
    """Return the version of the installed distribution."""
    try:
        return importlib.metadata.version("atlas-erp")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"


class _Forward(logging.Handler):
    """Hands the records of the standard logging module to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            structlog.get_logger().log(record.levelno, message, logger=record.name, exc_info=record.exc_info or None)
        except Exception:
            self.handleError(record)


def _stamp(service: str) -> Processor:
    about = {"service": service, "version": version()}

    def stamp(_logger: Any, _method: str, event: EventDict) -> EventDict:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: EventDict = {"ts": now, "level": event.pop("level"), "event": event.pop("event", ""), **about}
        if context := _trace.get():
            line["trace_id"] = context.trace_id
            line["correlation_id"] = context.correlation_id
            line["request_id"] = context.request_id
        return {**line, **event, **line}  # in this order, and nobody overwrites these

    return stamp


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {str(key): value for key, value in redact(event).items()}


def _dumps(value: Any, *, default: Callable[[Any], Any]) -> bytes:
    try:
        return orjson.dumps(value, default=default)
    except TypeError:  # an integer beyond 64 bits or a lone surrogate: no reason to lose the line
        return json.dumps(value, default=default).encode()


# Spans.


def configure_tracing(service: str) -> bool:
    """Export spans by OTLP if OTEL_EXPORTER_OTLP_ENDPOINT is set and the obs extra is installed.

    Call it before database engines are made: their spans come from instrumentation of the driver.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "database")
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
        from opentelemetry.instrumentation.redis import RedisInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        structlog.get_logger(__name__).warning("no traces: the obs extra is not installed", missing=error.name)
        return False
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": version()}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    PsycopgInstrumentor().instrument()
    RedisInstrumentor().instrument()
    return True


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    *,
    parent_traceparent: str = "",
    links: Sequence[str] = (),
) -> Iterator[str]:
    """Run the block in a span and yield the traceparent to pass on, which is also bound for logs.

    The parent is `parent_traceparent`, else the span already open, else the bound context; `links` are the traceparents of
    the messages of a batch.
    """
    bound = current()
    parent = parent_traceparent or bound.traceparent
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody collects spans
        with bind(replace(bound, traceparent=child(parent))) as context:
            yield context.traceparent
        return
    inside = not parent_traceparent and trace.get_current_span().get_span_context().is_valid
    opened = trace.get_tracer("atlas").start_as_current_span(
        name,
        context=None if inside else _remote(parent),
        kind=kind,
        attributes=attributes,
        links=[trace.Link(trace.get_current_span(_remote(link)).get_span_context()) for link in links],
        record_exception=False,
        set_status_on_exception=False,
    )
    with opened as active, _failure_on(active), bind(replace(bound, traceparent=_format(active))) as context:
        yield context.traceparent


@contextmanager
def _failure_on(active: trace.Span) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # its type only: its text may hold what must not leave
        active.set_status(Status(StatusCode.ERROR))
        active.set_attribute("error.type", type(error).__name__)
        raise


def _remote(traceparent: str) -> Context:
    return propagate.extract({"traceparent": traceparent})


def _format(active: trace.Span) -> str:
    context = active.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
