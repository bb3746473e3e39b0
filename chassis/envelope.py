"""Writes and reads the envelope of an event: metadata, payload, and the headers that mirror it as CloudEvents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import DecodeError, Message

from atlas.common.v1.event_metadata_pb2 import EventMetadata
from chassis import validation
from chassis.broker import InRecord
from chassis.contracts import EventCatalog, EventType
from chassis.errors import Poison
from chassis.values import time_message
from chassis.world import Actor

CONTENT_TYPE = "application/protobuf"
SCHEMA_VERSION = 1
MAX_KEY = 255
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Cause:
    """What an event continues: the request or event that caused it, its trace, and who acted."""

    correlation_id: str
    causation_id: str
    traceparent: str
    actor: Actor
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: its own id and time, and its number in its stream."""

    event_id: str
    occur_time: datetime
    aggregate_type: str
    stream_key: str
    stream_sequence: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event ready for the outbox."""

    event_id: str
    event_type: str
    topic: str
    stream_key: str
    stream_sequence: int
    occur_time: datetime
    headers: Mapping[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """An event as a consumer reads it. `payload` is None where the arm is not known to this build."""

    record: InRecord
    metadata: EventMetadata
    payload: Message | None

    @property
    def event_id(self) -> str:
        """The event's id, as PostgreSQL writes it."""
        return self.metadata.event_id.lower()

    @property
    def stream_key(self) -> str:
        """The key of its stream."""
        return self.metadata.stream_key


def seal(event: EventType, payload: Message, place: Place, cause: Cause) -> Sealed:
    """Put a payload into its envelope. Raises ValueError where the event breaks its own contract."""
    metadata = EventMetadata(
        event_id=place.event_id,
        event_type=event.name,
        schema_version=SCHEMA_VERSION,
        producer=event.producer,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        aggregate_type=place.aggregate_type,
        aggregate_id=place.stream_key,
        stream_key=place.stream_key,
        stream_sequence=place.stream_sequence,
        handling_attempt=cause.attempt,
        traceparent=cause.traceparent,
    )
    metadata.occur_time.CopyFrom(time_message(place.occur_time))
    metadata.actor.issuer, metadata.actor.subject = cause.actor.issuer, cause.actor.subject
    metadata.actor.client = cause.actor.client
    envelope = event.envelope(metadata=metadata, **{event.arm: payload})
    broken = validation.violations(envelope)
    if broken:
        raise ValueError(f"{event.name} breaks its contract: {broken}")
    return Sealed(
        event_id=place.event_id,
        event_type=event.name,
        topic=event.topic,
        stream_key=place.stream_key,
        stream_sequence=place.stream_sequence,
        occur_time=place.occur_time,
        headers=_headers(event, metadata, place),
        value=envelope.SerializeToString(deterministic=True),
    )


def _headers(event: EventType, metadata: EventMetadata, place: Place) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": metadata.event_id,
        "ce_type": event.name,
        "ce_source": event.producer,
        "ce_time": place.occur_time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_subject": place.stream_key,
        "ce_dataschema": event.envelope.DESCRIPTOR.full_name,
        "content-type": CONTENT_TYPE,
        "traceparent": metadata.traceparent,
    }


@dataclass(frozen=True, slots=True)
class EnvelopeReader:
    """Decodes records of the topics of a catalogue."""

    catalog: EventCatalog

    def read(self, record: InRecord) -> Received:
        """Decode a record. Raises Poison where the bytes are no envelope or the envelope names no event."""
        try:
            envelope = self.catalog.envelopes[record.topic].FromString(record.value)
        except DecodeError as error:
            raise Poison("the value is not an envelope of this topic") from error
        metadata: EventMetadata = envelope.metadata  # type: ignore[attr-defined]  # every envelope has it
        _check(metadata)
        arm = envelope.WhichOneof("payload")
        return Received(record, metadata, getattr(envelope, arm) if arm else None)


def _check(metadata: EventMetadata) -> None:
    """Refuse what the inbox could not keep: an id that is no UUID, a key that is no short text, no number."""
    if not _UUID.fullmatch(metadata.event_id):
        raise Poison("metadata.event_id is no UUID")
    if not 0 < len(metadata.stream_key) <= MAX_KEY or "\0" in metadata.stream_key:
        raise Poison("metadata.stream_key is no key")
    if not 0 < metadata.stream_sequence < 2**53:
        raise Poison("metadata.stream_sequence is no number in a stream")
