"""What holds for every event: its routing, its key, its envelope."""

from __future__ import annotations

import re
from typing import cast

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from atlas.common.v1 import event_metadata_pb2, options_pb2
from buf.validate import validate_pb2
from chassis.contracts import EventType
from tests.contracts import schema

SERVICES = {"order-svc", "inventory-svc", "billing-svc", "workflow-svc", "reporting-svc"}
OWNERS = {
    "atlas.orders.v1": "order-svc",
    "atlas.inventory.v1": "inventory-svc",
    "atlas.billing.v1": "billing-svc",
    "atlas.workflow.v1": "workflow-svc",
}
ENVELOPES = [cast(Descriptor, envelope.DESCRIPTOR) for envelope in schema.EVENTS.envelopes.values()]

every_event = pytest.mark.parametrize("event", schema.EVENTS.types, ids=lambda event: event.name)
every_envelope = pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.name)


def test_each_topic_has_one_envelope() -> None:
    assert {envelope.file.package for envelope in ENVELOPES} == OWNERS.keys()
    assert len(ENVELOPES) == len(OWNERS)


@every_envelope
def test_an_envelope_requires_metadata_and_a_payload(envelope: Descriptor) -> None:
    metadata = envelope.fields_by_name["metadata"]
    assert metadata.number == 1
    assert metadata.message_type is event_metadata_pb2.EventMetadata.DESCRIPTOR
    assert metadata.GetOptions().Extensions[validate_pb2.field].required
    payload = envelope.oneofs_by_name["payload"]
    assert payload.GetOptions().Extensions[validate_pb2.oneof].required
    assert [field.number for field in payload.fields] == list(range(10, 10 + len(payload.fields)))


@every_event
def test_an_event_says_topic_producer_and_consumers(event: EventType) -> None:
    assert event.payload.DESCRIPTOR.GetOptions().HasExtension(options_pb2.event)
    assert event.topic == event.payload.DESCRIPTOR.file.package == event.envelope.DESCRIPTOR.file.package
    assert event.producer == OWNERS[event.topic]
    assert "reporting-svc" in event.consumers
    assert len(set(event.consumers)) == len(event.consumers)
    assert set(event.consumers) <= SERVICES - {event.producer}


@every_event
def test_the_key_is_a_checked_string_of_the_payload(event: EventType) -> None:
    key = event.payload.DESCRIPTOR.fields_by_name[event.key_field]
    assert key.type == FieldDescriptor.TYPE_STRING
    assert key.GetOptions().HasExtension(validate_pb2.field)


@every_event
def test_an_arm_is_named_after_its_payload(event: EventType) -> None:
    assert event.arm == re.sub(r"(?<!^)([A-Z])", r"_\1", event.name).lower()


def test_whatever_is_routed_is_an_arm() -> None:
    routed = {message.full_name for message in schema.MESSAGES if message.GetOptions().HasExtension(options_pb2.event)}
    assert routed == {event.payload.DESCRIPTOR.full_name for event in schema.EVENTS.types}


def test_event_names_are_unique() -> None:
    assert len(schema.EVENTS.by_name) == len(schema.EVENTS.types)
