"""The committed AsyncAPI document: valid, current, and in agreement with contracts, topics and what is really sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from google.protobuf import json_format

from chassis import dead_letters
from chassis.broker import InRecord
from chassis.contracts import EventType
from chassis.envelope import Cause, Place, seal
from chassis.rest.openapi.comments import read_comments
from chassis.world import Actor
from tests.contracts import schema
from tools import asyncapi, image

OFFICIAL = image.ROOT / "third_party" / "asyncapi" / "3.0.0.schema.json"
GOLDEN = image.ROOT / "tests" / "contracts" / "golden"
TOPICS = asyncapi.Topics.read()
EVENTS = schema.EVENTS.types
MOMENT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def document() -> Any:
    """The committed document."""
    return json.loads(asyncapi.TARGET.read_text("utf-8"))


def errors(document: Any, part: Any, value: Any) -> list[str]:
    """What is wrong with a value by a schema of the document."""
    validator = jsonschema_rs.Draft7Validator({**part, "components": document["components"]}, validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def message(document: Any, name: str) -> Any:
    return document["components"]["messages"][name]


def operations(document: Any, action: str) -> Iterator[tuple[str, str, set[str]]]:
    """Yield service, topic and events of each operation."""
    for name, operation in document["operations"].items():
        service, kind, topic = name.split(".", 2)
        assert kind == operation["action"]
        if kind == action:
            yield service, topic, {reference["$ref"].rpartition("/")[2] for reference in operation["messages"]}


def test_it_is_valid(document: Any) -> None:
    official = jsonschema_rs.validator_for(json.loads(OFFICIAL.read_text("utf-8")))
    assert [f"{error.instance_path}: {error.message}" for error in official.iter_errors(document)] == []
    assert not official.is_valid({**document, "operations": {"one": {"action": "send"}}})


def test_it_is_what_the_contracts_say_today() -> None:
    comments = read_comments(image.build().SerializeToString())
    assert asyncapi.write(asyncapi.build(comments, TOPICS)) == asyncapi.TARGET.read_text("utf-8"), "run: make proto"


def test_every_reference_leads_to_something(document: Any) -> None:
    found = list(_references(document))
    assert found
    for reference in found:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from _references(child)


def test_every_topic_is_a_channel_with_its_settings(document: Any) -> None:
    shown = {name: channel["bindings"]["kafka"] for name, channel in document["channels"].items()}
    assert {name: (it["partitions"], it["topicConfiguration"]["retention.ms"]) for name, it in shown.items()} == {
        name: (settings["partitions"], settings["retention_ms"]) for name, settings in TOPICS.settings.items()
    }


def test_every_event_is_on_the_channel_of_its_topic(document: Any) -> None:
    shown = {
        (topic, name) for topic, channel in document["channels"].items() for name in channel["messages"] if ".dlq." not in topic
    }
    assert shown == {(event.topic, event.name) for event in EVENTS}


def test_services_send_and_receive_what_the_events_say(document: Any) -> None:
    sent = {(service, name) for service, topic, names in operations(document, "send") if ".dlq." not in topic for name in names}
    assert sent == {(event.producer, event.name) for event in EVENTS}
    heard = {(service, name) for service, _topic, names in operations(document, "receive") for name in names}
    assert heard == {(consumer, event.name) for event in EVENTS for consumer in event.consumers}


def test_every_group_sends_what_it_gives_up_to_the_dead_letters_of_the_topic(document: Any) -> None:
    sent = {(service, topic) for service, topic, names in operations(document, "send") if names == {asyncapi.DEAD_LETTER}}
    assert sent == {(group, dead_letters.topic_of(topic)) for group, topics in TOPICS.groups.items() for topic in topics}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_golden_events_are_valid_by_their_schema(document: Any, event: EventType) -> None:
    for path in (GOLDEN / event.name).glob("*.json"):
        golden = json.loads(path.read_text("utf-8"))
        payload = message(document, event.name)["payload"]
        assert errors(document, payload, golden) == []
        assert errors(document, payload, {**golden, "metadata": {}}) != []
        assert errors(document, payload, {"metadata": golden["metadata"]}) != []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_headers_of_a_sealed_event_are_those_of_its_schema(document: Any, event: EventType) -> None:
    golden = json.loads(next((GOLDEN / event.name).glob("*.json")).read_text("utf-8"))
    payload = getattr(json_format.ParseDict(golden, event.envelope()), event.arm)
    place = Place(golden["metadata"]["event_id"], MOMENT, "order", "key-1", 1)
    headers = seal(event, payload, place, Cause("c", "c", "", Actor("", "", "", ""))).headers
    shown = message(document, event.name)["headers"]
    assert headers.keys() == shown["properties"].keys()
    assert errors(document, shown, dict(headers)) == []


def test_headers_of_a_dead_letter_are_those_of_its_schema(document: Any) -> None:
    record = InRecord("atlas.orders.v1", 0, 7, "key-1", b"", {})
    details = {"attempts": 5, "error_class": "ValueError", "reason": ""}
    headers = dead_letters._headers("billing-svc", record, details, MOMENT)
    shown = message(document, asyncapi.DEAD_LETTER)["headers"]
    assert headers.keys() == shown["properties"].keys()
    assert errors(document, shown, headers) == []
