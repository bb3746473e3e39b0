"""Writes gen/asyncapi/atlas.v1.json (AsyncAPI 3): topics, events with their headers, and who sends and receives them.

`python -m tools.asyncapi OUT.json`. All of it comes from the contracts and deploy/kafka/topics.yaml.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor import Descriptor

from atlas.billing.v1 import billing_events_pb2
from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from atlas.workflow.v1 import workflow_events_pb2
from chassis.contracts import EventCatalog, EventType
from chassis.dead_letters import topic_of
from chassis.envelope import CONTENT_TYPE
from chassis.rest.openapi.comments import Comments, read_comments
from tools import image
from tools.event_schemas import EventSchemas, Schema

TARGET = image.ROOT / "gen" / "asyncapi" / "atlas.v1.json"
TOPICS = image.ROOT / "deploy" / "kafka" / "topics.yaml"
EVENTS = EventCatalog((order_events_pb2, inventory_events_pb2, billing_events_pb2, workflow_events_pb2))
DEAD_LETTER = "DeadLetter"
_BINDING = "0.5.0"
_TEXT: Schema = {"type": "string"}
_INFO: Schema = {
    "title": "Atlas ERP events",
    "version": "1.0.0",
    "license": {"name": "Apache-2.0"},
    "description": (
        "What the services tell each other. A topic is a proto package and carries one protobuf message, its envelope: "
        "`metadata` and one payload. Payload schemas are the canonical JSON form of the envelope with the field names of the "
        "contracts; `x-protobuf` names what is on the wire. Delivery is at least once and in order for each Kafka key; a "
        "reader drops what it knows by `event_id`, and skips types and enum values it does not know: they may be added at any "
        "time."
    ),
}
_HEADERS: dict[str, Schema] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {"format": "uuid", "description": "The event's id, UUIDv7; unique for ever."},
    "ce_type": {"description": "The event's type."},
    "ce_source": {"description": "The service that published it."},
    "ce_time": {"format": "date-time", "description": "When the fact happened."},
    "ce_subject": {"description": "The Kafka key."},
    "ce_dataschema": {"description": "The protobuf message of the value."},
    "content-type": {"const": CONTENT_TYPE},
    "traceparent": {"description": "W3C trace context of what caused the event; empty when unknown."},
}
_DEAD_HEADERS: dict[str, Schema] = {
    "dlq_topic": {"description": "The topic it came from."},
    "dlq_partition": {"description": "The partition it came from."},
    "dlq_offset": {"description": "The offset it had there."},
    "dlq_group": {"description": "The consumer group that gave it up."},
    "dlq_handler": {"description": "The handler that gave it up."},
    "dlq_attempts": {"description": "How many tries failed."},
    "dlq_error_class": {"description": "The kind of the last error."},
    "dlq_reason": {"description": "The error reason of the last error, where it has one."},
    "dlq_first_failure_time": {"format": "date-time", "description": "When the first try failed."},
    "dlq_last_failure_time": {"format": "date-time", "description": "When the last try failed."},
}


@dataclass(frozen=True, slots=True)
class Topics:
    """What deploy/kafka/topics.yaml says: the settings of each topic, and the topics each consumer group reads."""

    settings: Mapping[str, Mapping[str, int]]
    groups: Mapping[str, list[str]]

    @classmethod
    def read(cls, path: Path = TOPICS) -> Topics:
        """Read the file."""
        raw = yaml.safe_load(path.read_text("utf-8"))
        return cls(raw["topics"], raw["groups"])


def build(comments: Comments, topics: Topics) -> dict[str, Any]:
    """Build the document."""
    schemas = EventSchemas(comments)
    messages = {event.name: _message(event, schemas, comments) for event in EVENTS.types}
    messages[DEAD_LETTER] = _dead_letter()
    return {
        "asyncapi": "3.0.0",
        "info": _INFO,
        "defaultContentType": CONTENT_TYPE,
        "servers": {"local": _server()},
        "channels": {topic: _channel(topic, dict(settings)) for topic, settings in topics.settings.items()},
        "operations": dict(_operations(topics)),
        "components": {"messages": messages, "schemas": dict(sorted(schemas.components.items()))},
    }


def _server() -> Schema:
    text = "Kafka of a local stack with the default --port-base; `atlas env` names that of any other."
    return {"host": "127.0.0.1:8142", "protocol": "kafka", "description": text}


def _channel(topic: str, settings: dict[str, int]) -> Schema:
    names = [event.name for event in EVENTS.types if event.topic == topic]
    text = f"Carries {EVENTS.envelopes[topic].DESCRIPTOR.full_name}." if names else "Dead letters, with the original bytes."
    return {
        "address": topic,
        "description": text,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names or [DEAD_LETTER]},
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": settings["partitions"],
                "topicConfiguration": {"retention.ms": settings["retention_ms"]},
                "bindingVersion": _BINDING,
            }
        },
    }


def _message(event: EventType, schemas: EventSchemas, comments: Comments) -> Schema:
    payload, envelope = _descriptor(event.payload), _descriptor(event.envelope)
    given = {"ce_type": event.name, "ce_source": event.producer, "ce_dataschema": envelope.full_name}
    parts = {"metadata": envelope.fields_by_name["metadata"].message_type, event.arm: payload}
    key = f"The Kafka key: {event.key_field} of the payload. With the producer it names the stream."
    return {
        "name": event.name,
        "title": event.name,
        "summary": comments.get(payload.full_name, ""),
        "contentType": CONTENT_TYPE,
        "correlationId": {"location": "$message.payload#/metadata/correlation_id"},
        "headers": _headers(_HEADERS, {name: {"const": value} for name, value in given.items()}),
        "payload": {
            "type": "object",
            "required": list(parts),
            "additionalProperties": False,
            "properties": {name: schemas.message(part) for name, part in parts.items() if part},
        },
        "bindings": {"kafka": {"key": _TEXT | {"description": key}, "bindingVersion": _BINDING}},
        "x-protobuf": {"file": f"proto/{payload.file.name}", "message": envelope.full_name, "payload": payload.full_name},
    }


def _dead_letter() -> Schema:
    return {
        "name": DEAD_LETTER,
        "title": "Dead letter",
        "summary": "A message that a service could not handle: the original bytes, key and headers, and what went wrong.",
        "headers": _headers(_DEAD_HEADERS, {}),
        "payload": {"type": "string", "format": "binary", "description": "The original value, whatever it is."},
        "bindings": {"kafka": {"key": _TEXT | {"description": "The original Kafka key."}, "bindingVersion": _BINDING}},
    }


def _headers(named: Mapping[str, Schema], given: Mapping[str, Schema]) -> Schema:
    properties = {name: _TEXT | words | given.get(name, {}) for name, words in named.items()}
    return {"type": "object", "required": list(named), "properties": properties}


def _operations(topics: Topics) -> Iterator[tuple[str, Schema]]:
    for topic in topics.settings:
        events = [event for event in EVENTS.types if event.topic == topic]
        for producer in sorted({event.producer for event in events}):
            yield _operation(producer, "send", topic, [event.name for event in events if event.producer == producer])
        for group in topics.groups:
            if heard := [event.name for event in events if group in event.consumers]:
                yield _operation(group, "receive", topic, heard)
            if topic in map(topic_of, topics.groups[group]):
                yield _operation(group, "send", topic, [DEAD_LETTER])


def _operation(service: str, action: str, topic: str, names: list[str]) -> tuple[str, Schema]:
    operation: Schema = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"{service} {'publishes' if action == 'send' else 'reacts to'} {', '.join(names)}.",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names],
    }
    if action == "receive":
        operation["bindings"] = {"kafka": {"groupId": _TEXT | {"enum": [service]}, "bindingVersion": _BINDING}}
    return f"{service}.{action}.{topic}", operation


def _descriptor(message: type[Any]) -> Descriptor:
    descriptor: Descriptor = message.DESCRIPTOR
    return descriptor


def write(document: Mapping[str, Any]) -> str:
    """Write the document as text, the same for the same contracts."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document to the path named on the command line."""
    contract = image.build().SerializeToString()
    Path(sys.argv[1]).write_text(write(build(read_comments(contract), Topics.read())), "utf-8")


if __name__ == "__main__":
    main()
