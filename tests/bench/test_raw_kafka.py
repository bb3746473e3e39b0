"""The floors' Kafka clients are set as ours are, and what reads a topic reads all of it in order."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import pytest

from bench.raw_kafka import COMMON, CONSUMER, PRODUCER, Cluster, Ready, produce_all
from chassis import kafka
from chassis.broker import OutRecord
from chassis.kafka_capability import CAPABILITIES

SETTINGS: dict[type, Any] = {kafka.KafkaPublisher: PRODUCER, kafka.KafkaSubscription: CONSUMER, kafka.KafkaBroker: COMMON}
OWN = {"bootstrap.servers", "error_cb", "on_delivery"}


@pytest.mark.parametrize(("ours", "settings"), SETTINGS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_bare_client_has_every_setting_that_ours_has(ours: type, settings: dict[str, Any]) -> None:
    assert _literal_settings(ours) == dict(settings)


def _literal_settings(client: type) -> dict[str, Any]:
    """Read the settings that a client of ours writes down in its constructor."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(client.__init__)))  # type: ignore[misc]  # a class, not an instance
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    pairs = [(key, value) for node in dicts for key, value in zip(node.keys, node.values, strict=True)]
    named = {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
    return {name: _value(node) for name, node in named.items() if name not in OWN}


def _value(node: ast.expr) -> Any:
    return getattr(kafka, node.id) if isinstance(node, ast.Name) else ast.literal_eval(node)


def test_a_topic_is_read_from_a_point_on_in_order(kafka_bootstrap: str, new_topic: Any) -> None:
    topic, cluster = new_topic(6), Cluster(kafka_bootstrap, CAPABILITIES["embedded"].provider)
    producer = cluster.producer()
    produce_all(producer, [_record(topic, "a", "old")])
    start = cluster.ends(topic)
    produce_all(producer, [_record(topic, key, f"{key}{number}") for number in range(3) for key in ("a", "b")])
    read = cluster.read(topic, start)
    assert sorted(read) == [(key, f"{key}{number}") for key in ("a", "b") for number in range(3)]
    assert [event for key, event in read if key == "a"] == ["a0", "a1", "a2"]


def _record(topic: str, key: str, event_id: str) -> Ready:
    return Ready.of(OutRecord(topic, key, b"value", {"ce_id": event_id}))
