"""What operators see of the outbox, the parking lot, the dead letters and the audit: SQL to response, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from atlas.common.v1.event_metadata_pb2 import Actor, EventMetadata
from atlas.ops.v1 import audit_pb2, dead_letter_pb2, outbox_pb2, parked_pb2
from chassis import parking
from chassis.contracts import EventCatalog
from chassis.outbox import IS_PENDING, with_publication
from chassis.paging import Page, window
from chassis.tables import audit_log, dead_letter, outbox, parked_event, publication
from chassis.values import time_message

PARKED_STATES = {
    parking.PARKED: parked_pb2.PARKED_STATE_WAITING,
    parking.QUEUED: parked_pb2.PARKED_STATE_QUEUED,
    parking.DEAD: parked_pb2.PARKED_STATE_DEAD,
}
_STORED_STATES = {state: stored for stored, state in PARKED_STATES.items()}


class MetadataReader:
    """Reads what an event says about itself from the bytes of a record; a record nobody can read says nothing."""

    def __init__(self, catalog: EventCatalog) -> None:
        self._envelopes = catalog.envelopes

    def read(self, topic: str, value: bytes) -> EventMetadata:
        """Return the metadata, empty for dead letter topics and for bytes that are no envelope."""
        envelope = self._envelopes.get(topic)
        if envelope is None:
            return EventMetadata()
        try:
            metadata: EventMetadata = envelope.FromString(value).metadata  # type: ignore[attr-defined]  # all envelopes have it
        except DecodeError:
            return EventMetadata()
        return metadata


@dataclass(frozen=True, slots=True)
class Reading:
    """What a list needs beside its request: the handler's name, how to read envelopes, and which page."""

    handler: str
    reader: MetadataReader
    page: Page


def list_outbox(
    connection: sa.Connection, request: outbox_pb2.ListOutboxRequest, reading: Reading
) -> outbox_pb2.ListOutboxResponse:
    """List the events the service committed, its dead letter records among them."""
    statement = sa.select(outbox, publication.c.publish_time).select_from(with_publication())
    if request.HasField("stream_key"):
        statement = statement.where(outbox.c.stream_key == request.stream_key)
    if request.HasField("event_type"):
        statement = statement.where(outbox.c.event_type == request.event_type)
    if request.HasField("published"):
        statement = statement.where(sa.not_(IS_PENDING) if request.published else IS_PENDING)
    rows, token = reading.page.select(connection, statement, outbox.c.id.desc())
    entries = [_outbox_entry(row, reading.reader) for row in rows]
    return outbox_pb2.ListOutboxResponse(entries=entries, next_page_token=token)


def _outbox_entry(row: sa.Row[Any], reader: MetadataReader) -> outbox_pb2.OutboxEntry:
    value = bytes(row.value)
    metadata = reader.read(row.topic, value)
    return outbox_pb2.OutboxEntry(
        event_id=row.event_id,
        event_type=row.event_type,
        topic=row.topic,
        stream_key=row.stream_key,
        stream_sequence=row.stream_sequence or 0,
        occur_time=time_message(row.occur_time),
        publish_time=_optional_time(row.publish_time),
        aggregate_type=metadata.aggregate_type,
        aggregate_id=metadata.aggregate_id,
        correlation_id=metadata.correlation_id,
        causation_id=metadata.causation_id,
        traceparent=metadata.traceparent,
        handling_attempt=metadata.handling_attempt,
        actor=metadata.actor if metadata.actor.issuer else None,
        size_bytes=len(value),
    )


def list_parked(
    connection: sa.Connection, request: parked_pb2.ListParkedRequest, reading: Reading
) -> parked_pb2.ListParkedResponse:
    """List what waits in the parking lot."""
    statement = sa.select(parked_event).where(parked_event.c.handler == reading.handler)
    if request.HasField("stream_key"):
        statement = statement.where(parked_event.c.stream_key == request.stream_key)
    if request.state:
        statement = statement.where(parked_event.c.state.in_([_STORED_STATES[state] for state in request.state]))
    rows, token = reading.page.select(connection, statement, parked_event.c.id.desc())
    events = [parked_message(row, reading.reader) for row in rows]
    return parked_pb2.ListParkedResponse(parked_events=events, next_page_token=token)


def parked_message(row: sa.Row[Any], reader: MetadataReader) -> parked_pb2.ParkedEvent:
    """Write a row of the parking lot; what the envelope cannot say comes from the headers."""
    metadata = reader.read(row.topic, bytes(row.value))
    return parked_pb2.ParkedEvent(
        parked_event_id=str(row.id),
        event_id=metadata.event_id or row.headers.get("ce_id", ""),
        event_type=metadata.event_type or row.headers.get("ce_type", ""),
        topic=row.topic,
        stream_key=row.stream_key,
        stream_sequence=metadata.stream_sequence,
        producer=metadata.producer or row.headers.get("ce_source", ""),
        handler=row.handler,
        state=PARKED_STATES[row.state],
        attempts=row.attempts,
        next_attempt_time=_optional_time(row.next_time if row.state == parking.PARKED else None),
        error_class=row.error_class,
        error_reason=row.reason,
        correlation_id=metadata.correlation_id,
        traceparent=metadata.traceparent or row.headers.get("traceparent", ""),
        version=row.version,
        create_time=time_message(row.create_time),
        update_time=time_message(row.update_time),
    )


def list_dead_letters(
    connection: sa.Connection, request: dead_letter_pb2.ListDeadLettersRequest, reading: Reading
) -> dead_letter_pb2.ListDeadLettersResponse:
    """List the dead letters."""
    statement = sa.select(dead_letter).where(dead_letter.c.handler == reading.handler)
    if request.HasField("stream_key"):
        statement = statement.where(dead_letter.c.stream_key == request.stream_key)
    if request.state:
        statement = statement.where(dead_letter.c.state.in_(_dead_states(request.state)))
    rows, token = reading.page.select(connection, statement, dead_letter.c.id.desc())
    letters = [dead_letter_message(row, reading.reader) for row in rows]
    return dead_letter_pb2.ListDeadLettersResponse(dead_letters=letters, next_page_token=token)


def _dead_states(states: Iterable[dead_letter_pb2.DeadLetterState.ValueType]) -> list[str]:
    return [dead_letter_pb2.DeadLetterState.Name(state).removeprefix("DEAD_LETTER_STATE_") for state in states]


def dead_letter_message(row: sa.Row[Any], reader: MetadataReader) -> dead_letter_pb2.DeadLetter:
    """Write a dead letter."""
    metadata = reader.read(row.topic, bytes(row.value))
    message = dead_letter_pb2.DeadLetter(
        dead_letter_id=str(row.id),
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        stream_key=row.stream_key,
        stream_sequence=metadata.stream_sequence,
        handler=row.handler,
        state=dead_letter_pb2.DeadLetterState.Value(f"DEAD_LETTER_STATE_{row.state}"),
        attempts=row.attempts,
        first_failure_time=time_message(row.first_failure_time),
        last_failure_time=time_message(row.last_failure_time),
        error_class=row.error_class,
        error_reason=row.reason,
        correlation_id=metadata.correlation_id,
        traceparent=metadata.traceparent,
        decide_comment=row.decide_comment,
        version=row.version,
        create_time=time_message(row.create_time),
        update_time=time_message(row.update_time),
        blocks_stream=row.state == parking.DEAD and row.parked_event_id is not None,
    )
    if row.event_id:
        message.event_id, message.event_type = row.event_id, metadata.event_type
    if row.decide_reason:
        message.decide_reason = dead_letter_pb2.DeadLetterReason.Value(f"DEAD_LETTER_REASON_{row.decide_reason}")
        message.decided_by.CopyFrom(Actor(**row.decided_by))
    return message


def list_audit(connection: sa.Connection, request: audit_pb2.ListAuditRequest, reading: Reading) -> audit_pb2.ListAuditResponse:
    """List the calls, newest first. Filters read as far as the page needs: no index but the number's is kept for them."""
    rows, token = reading.page.select(connection, sa.select(audit_log).where(*_audit_terms(request)), audit_log.c.id.desc())
    return audit_pb2.ListAuditResponse(entries=[_audit_message(row) for row in rows], next_page_token=token)


def _audit_terms(request: audit_pb2.ListAuditRequest) -> list[sa.ColumnElement[bool]]:
    row = audit_log.c
    terms = {
        "resource": sa.literal(request.resource) == sa.any_(sa.func.string_to_array(row.resource, ",")),
        "subject": row.actor.endswith(f"|{request.subject}", autoescape=True),
        "method": row.method == request.method,
        "correlation_id": row.correlation_id == request.correlation_id,
    }
    given = [term for name, term in terms.items() if request.HasField(name)]  # type: ignore[arg-type]  # the names of its fields
    return [*given, *window(request, "occur_time", row.time)]


def _audit_message(row: sa.Row[Any]) -> audit_pb2.AuditEntry:
    issuer, _, subject = row.actor.partition("|")
    return audit_pb2.AuditEntry(
        audit_entry_id=str(row.id),
        occur_time=time_message(row.time),
        actor=Actor(issuer=issuer, subject=subject, client=row.client),
        method=row.method,
        resource=row.resource,
        comment=row.comment,
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
    )


def _optional_time(moment: datetime | None) -> Timestamp | None:
    return time_message(moment) if moment is not None else None
