"""What operators decide about events that failed: try again now, replay a dead letter, or discard it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from atlas.ops.v1 import dead_letter_pb2, parked_pb2
from chassis import dead_letters, inbox, parking
from chassis.errors import IllegalState, NotFound, VersionMismatch
from chassis.ops_lists import MetadataReader, dead_letter_message, parked_message
from chassis.tables import dead_letter, parked_event
from chassis.world import Actor

Decision = dead_letter_pb2.ReplayDeadLetterRequest | dead_letter_pb2.DiscardDeadLetterRequest
_WRONG_STATE = {
    parking.QUEUED: "the event did not fail itself; it waits for an earlier one of its stream",
    parking.DEAD: "every try failed; decide about its dead letter",
}


def retry_parked(
    connection: sa.Connection, *, reader: MetadataReader, request: parked_pb2.RetryParkedRequest
) -> parked_pb2.RetryParkedResponse:
    """Make an event that waits for its next try due at once."""
    row = _locked(connection, parked_event, request.parked_event_id, "parked event")
    _check_version(row, request)
    if row.state in _WRONG_STATE:
        raise IllegalState(_WRONG_STATE[row.state])
    parking.change(connection, row.id, next_time=sa.func.now())
    changed = connection.execute(sa.select(parked_event).where(parked_event.c.id == row.id)).one()
    return parked_pb2.RetryParkedResponse(parked_event=parked_message(changed, reader))


def replay(
    connection: sa.Connection,
    *,
    reader: MetadataReader,
    request: dead_letter_pb2.ReplayDeadLetterRequest,
    actor: Actor,
) -> dead_letter_pb2.ReplayDeadLetterResponse:
    """Put a dead letter back into the parking lot, due at once and with its tries counted anew."""
    row = _dead(connection, request)
    parked_id = row.parked_event_id
    if parked_id is None or not parking.retry_now(connection, parked_id):
        about = {name: getattr(row, name) for name in ("error_class", "reason", "first_failure_time", "last_failure_time")}
        record = parking.record_of(row)
        parking.park(connection, row.handler, record, row.stream_key, state=parking.PARKED, **about)
    decided = _decide(connection, row, request, actor, dead_letters.REPLAYED)
    return dead_letter_pb2.ReplayDeadLetterResponse(dead_letter=dead_letter_message(decided, reader))


def discard(
    connection: sa.Connection,
    *,
    reader: MetadataReader,
    request: dead_letter_pb2.DiscardDeadLetterRequest,
    actor: Actor,
) -> dead_letter_pb2.DiscardDeadLetterResponse:
    """Give a dead letter up for good: its stream goes on, and no rewind brings it back."""
    row = _dead(connection, request)
    if row.parked_event_id is not None:
        inbox.record(connection, row.handler, row.topic, reader.read(row.topic, bytes(row.value)))
        parking.remove(connection, row.parked_event_id)
    decided = _decide(connection, row, request, actor, dead_letters.DISCARDED)
    return dead_letter_pb2.DiscardDeadLetterResponse(dead_letter=dead_letter_message(decided, reader))


def _dead(connection: sa.Connection, request: Decision) -> sa.Row[Any]:
    row = _locked(connection, dead_letter, request.dead_letter_id, "dead letter")
    _check_version(row, request)
    if row.state != parking.DEAD:
        raise IllegalState(f"the dead letter is {row.state} already")
    return row


def _locked(connection: sa.Connection, table: sa.Table, text: str, noun: str) -> sa.Row[Any]:
    statement = sa.select(table).where(table.c.id == _number(text)).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no such {noun}")
    return row


def _number(text: str) -> int:
    """Return the row number in an opaque id, or one that no row has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


def _check_version(row: sa.Row[Any], request: Decision | parked_pb2.RetryParkedRequest) -> None:
    if request.HasField("expected_version") and request.expected_version != row.version:
        raise VersionMismatch(f"the current version is {row.version}")


def _decide(connection: sa.Connection, row: sa.Row[Any], request: Decision, actor: Actor, state: str) -> sa.Row[Any]:
    reason = dead_letter_pb2.DeadLetterReason.Name(request.reason).removeprefix("DEAD_LETTER_REASON_")
    statement = sa.update(dead_letter).where(dead_letter.c.id == row.id)
    values = {
        "state": state,
        "decide_reason": reason,
        "decide_comment": request.comment,
        "decided_by": {"issuer": actor.issuer, "subject": actor.subject, "client": actor.client},
        "version": dead_letter.c.version + 1,
        "update_time": sa.func.now(),
    }
    return connection.execute(statement.values(values).returning(dead_letter)).one()
