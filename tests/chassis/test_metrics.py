"""The exported metrics: documented, bounded in their labels, present from the start."""

from __future__ import annotations

from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import REGISTRY

from chassis import metrics

OWN = ("atlas_", "rpc_", "http_", "db_", "messaging_")
UNITS = ("_seconds", "_messages", "_failures", "_handled", "_events", "_published", "_idempotency", "_build")
IDENTIFIERS = {"id", "key", "order_id", "event_id", "correlation_id", "principal", "path", "partition"}


def own_metrics() -> dict[str, prometheus_client.Metric]:
    return {metric.name: metric for metric in REGISTRY.collect() if metric.name.startswith(OWN)}


def test_every_metric_says_what_it_means_and_ends_in_its_unit() -> None:
    for name, metric in own_metrics().items():
        assert metric.documentation.endswith("."), name
        assert name.endswith(UNITS), name


def test_no_label_can_hold_an_identifier() -> None:
    collectors = [value for value in vars(metrics).values() if hasattr(value, "_labelnames")]
    assert len(collectors) > 15
    for collector in collectors:
        assert not IDENTIFIERS & set(collector._labelnames), collector


@pytest.mark.parametrize(
    ("name", "label", "values"),
    [
        ("atlas_inbox_handled_total", "result", metrics.INBOX_RESULTS),
        ("atlas_parked_events", "state", metrics.PARKED_STATES),
        ("atlas_idempotency_total", "outcome", metrics.IDEMPOTENCY_OUTCOMES),
    ],
)
def test_known_label_values_are_there_before_anything_happened(name: str, label: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert REGISTRY.get_sample_value(name, {label: value}) is not None


def test_the_names_operations_rely_on_are_exported() -> None:
    text = prometheus_client.generate_latest().decode()
    for name in (
        "atlas_outbox_pending_messages",
        "atlas_outbox_oldest_age_seconds",
        "atlas_consumer_lag_messages",
        "atlas_event_age_seconds",
        "atlas_dlq_published_total",
        "atlas_auth_failures_total",
        "atlas_build_info",
        "rpc_server_call_duration_seconds",
        "http_server_request_duration_seconds",
    ):
        assert f"# HELP {name} " in text


def test_every_declared_metric_is_set_by_somebody() -> None:
    root = Path(metrics.__file__).parents[1]
    folders = ("chassis", "gateway", *[path.name for path in root.glob("*_svc")])
    sources = [path for folder in folders for path in root.joinpath(folder).rglob("*.py")]
    text = "".join(path.read_text() for path in sources if path.name != "metrics.py")
    declared = [name for name, value in vars(metrics).items() if hasattr(value, "_labelnames")]
    assert [name for name in declared if f"metrics.{name}" not in text] == []
