"""Every Prometheus metric the chassis exports: one line each with its meaning, unit and labels.

Durations follow OpenTelemetry's semantic conventions, written the Prometheus way (`rpc.server.call.duration` becomes
`rpc_server_call_duration_seconds`). A label holds a value from a short list: never an id, a key or a raw path.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, Info

_BATCH: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_FAST: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_AGE: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)

INBOX_RESULTS: Final = ("applied", "duplicate", "skipped", "queued", "parked", "dead")
PARKED_STATES: Final = ("PARKED", "QUEUED", "DEAD")
IDEMPOTENCY_OUTCOMES: Final = ("first", "replayed", "reused", "running")

BUILD = Info("atlas_build", "Always 1: the service, its version and its Python.")

# The edges.
HTTP_SERVER_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "HTTP requests served, by route template.",
    ("http_request_method", "http_route", "http_response_status_code"),
    buckets=_FAST,
)
RPC_SERVER_DURATION = Histogram(
    "rpc_server_call_duration_seconds",
    "gRPC calls served, by full method and status code name.",
    ("rpc_method", "rpc_response_status_code"),
    buckets=_FAST,
)
RPC_CLIENT_DURATION = Histogram(
    "rpc_client_call_duration_seconds",
    "gRPC calls made, by full method and status code name.",
    ("rpc_method", "rpc_response_status_code"),
    buckets=_FAST,
)
AUTH_FAILURES = Counter("atlas_auth_failures_total", "Calls refused because of their token or its scopes.")
IDEMPOTENCY = Counter("atlas_idempotency_total", "Keyed commands by what became of the key.", ("outcome",))

# The database.
DB_DURATION = Histogram(
    "db_client_operation_duration_seconds",
    "Database transactions by what they were for: command, events, query, relay, timers.",
    ("db_operation_name",),
    buckets=_FAST,
)
COMMAND_BATCH = Histogram("atlas_command_batch_messages", "Commands handled in one transaction.", buckets=_BATCH)
EVENT_BATCH = Histogram("atlas_event_batch_messages", "Events handled in one transaction.", buckets=_BATCH)

# The outbox and its relay.
OUTBOX_PENDING = Gauge("atlas_outbox_pending_messages", "Committed events the broker has not acknowledged yet.")
OUTBOX_OLDEST_AGE = Gauge("atlas_outbox_oldest_age_seconds", "Age of the oldest pending event; 0 when there is none.")
RELAY_BATCH = Histogram(
    "atlas_relay_batch_messages", "Events published in one round of the relay.", buckets=(*_BATCH, 1000, 5000)
)

# The consumer and its parking lot.
MESSAGING_DURATION = Histogram(
    "messaging_client_operation_duration_seconds",
    "Broker operations by name (send, poll, commit).",
    ("messaging_operation_name",),
    buckets=_FAST,
)
MESSAGING_PROCESS_DURATION = Histogram(
    "messaging_process_duration_seconds",
    "Handling of one polled batch, from decoded to committed.",
    buckets=_FAST,
)
CONSUMER_LAG = Gauge("atlas_consumer_lag_messages", "Messages not read yet, by topic.", ("topic",))
EVENT_AGE = Histogram(
    "atlas_event_age_seconds", "From an event's occur_time to its commit here, by topic.", ("topic",), buckets=_AGE
)
INBOX_HANDLED = Counter("atlas_inbox_handled_total", "Events read, by what became of them.", ("result",))
PARKED_EVENTS = Gauge("atlas_parked_events", "Events in the parking lot, by state.", ("state",))
DLQ_PUBLISHED = Counter("atlas_dlq_published_total", "Events given up and sent to the dead letter queue.")

# A series that appears only with its first failure cannot be alerted on, so the known label values start at 0.
for _result in INBOX_RESULTS:
    INBOX_HANDLED.labels(_result)
for _state in PARKED_STATES:
    PARKED_EVENTS.labels(_state)
for _outcome in IDEMPOTENCY_OUTCOMES:
    IDEMPOTENCY.labels(_outcome)
