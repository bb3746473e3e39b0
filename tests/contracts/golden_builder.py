"""Writes one golden file a new event type: what this release puts on Kafka, to be decoded for ever.

`python -m tests.contracts.golden_builder` writes the files that are missing and never touches one that exists: a released
event is a fact. Every field is set, with values that depend on nothing but its name.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from atlas.common.v1 import event_metadata_pb2, money_pb2
from chassis import validation
from chassis.contracts import EventType
from tests.contracts import schema

RELEASE = "0.1"
GOLDEN = Path(__file__).parent / "golden"
MOMENT = Timestamp(seconds=1_767_323_045, nanos=678_000_000)  # 2026-01-02T03:04:05.678Z
METADATA = "metadata"
STRINGS = {
    "sku": "LAMP-01",
    "currency_code": "EUR",
    "producer": "order-svc",
    "head_hash": "0f" * 32,
    "issuer": "https://issuer.example/realms/atlas-erp",
}


def identity(name: str) -> str:
    """Return the id that a field of this name has in every golden file."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _scalar(field: FieldDescriptor) -> Any:
    if field.enum_type:
        return field.enum_type.values[1].number
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    if field.type != FieldDescriptor.TYPE_STRING:
        return field.number
    if field.name.endswith(("_id", "_ids")):
        return identity(field.name.removesuffix("s"))
    return STRINGS.get(field.name, field.name)


def _fill(message: Message) -> None:
    if isinstance(message, Timestamp):
        message.CopyFrom(MOMENT)
        return
    if isinstance(message, money_pb2.Money):
        message.CopyFrom(money_pb2.Money(currency_code="EUR", minor_units=1999))
        return
    for field in cast(Descriptor, message.DESCRIPTOR).fields:
        place = getattr(message, field.name)
        if field.is_repeated and field.message_type:
            _fill(place.add())
        elif field.is_repeated:
            place.append(_scalar(field))
        elif field.message_type:
            place.SetInParent()
            _fill(place)
        else:
            setattr(message, field.name, _scalar(field))


def build(event: EventType) -> Message:
    """Return an envelope with every field set."""
    envelope = event.envelope()
    payload: Message = getattr(envelope, event.arm)
    payload.SetInParent()
    _fill(payload)
    metadata: event_metadata_pb2.EventMetadata = getattr(envelope, METADATA)
    metadata.metadata["note"] = "golden"
    for name, value in _metadata(event, getattr(payload, event.key_field)).items():
        setattr(metadata, name, value)
    metadata.occur_time.CopyFrom(MOMENT)
    _fill(metadata.actor)
    if broken := validation.violations(envelope):
        raise ValueError(f"{event.name}: {broken}")
    return envelope


def _metadata(event: EventType, key: str) -> dict[str, object]:
    return {
        "event_id": identity("event_id"),
        "event_type": event.name,
        "schema_version": 1,
        "producer": event.producer,
        "correlation_id": identity("correlation_id"),
        "causation_id": identity("causation_id"),
        "aggregate_type": event.topic.split(".")[1],
        "aggregate_id": key,
        "stream_key": key,
        "stream_sequence": 1,
        "handling_attempt": 1,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }


def render(envelope: Message) -> str:
    """Return an envelope as the text of its golden JSON file."""
    shown = json_format.MessageToDict(envelope, preserving_proto_field_name=True)
    return json.dumps(shown, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write what is missing of the current release."""
    for event in schema.EVENTS.types:
        path = GOLDEN / event.name / f"{RELEASE}.binpb"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            envelope = build(event)
            path.write_bytes(envelope.SerializeToString(deterministic=True))
            path.with_suffix(".json").write_text(render(envelope), "utf-8")


if __name__ == "__main__":
    main()
