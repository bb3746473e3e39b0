"""The inbox: of every event, each handler's effects happen once, however often the record arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from atlas.common.v1.event_metadata_pb2 import EventMetadata
from chassis.database import one_of, unnest, upsert_rows
from chassis.envelope import Received
from chassis.tables import inbox, stream_position

RETENTION_DAYS = 30
REMEMBERED = timedelta(days=RETENTION_DAYS - 1)  # of the 30, one for clocks that differ

_CLAIM = (
    pg.insert(inbox)
    .from_select(
        ["handler", "event_id"],
        sa.select(sa.bindparam("handler", type_=sa.Text), (rows := unnest(inbox, ("event_id",))).c.event_id).order_by(
            rows.c.event_id
        ),
    )
    .on_conflict_do_nothing()
    .returning(inbox.c.event_id)
)

# names the topics too, or an index that begins with (handler, topic) would be read whole before PostgreSQL 18
_POSITIONS = sa.select(stream_position.c.topic, stream_position.c.stream_key, stream_position.c.sequence).where(
    stream_position.c.handler == sa.bindparam("handler", type_=sa.Text),
    one_of(stream_position.c.topic, "topics"),
    one_of(stream_position.c.stream_key, "keys"),
)


def claim(connection: sa.Connection, handler: str, events: Sequence[Received], *, now: datetime) -> list[Received]:
    """Return the events that this handler has not seen, in their order; they are recorded with the transaction.

    An id in the inbox is a duplicate. Of an event that is older than the inbox remembers, a number at or below the
    stream's position says so, for ever; of a younger one it does not: a broker that has lost its data may deliver what
    nobody has read yet behind what came later.
    """
    if not events:
        return []
    ids = list({event.event_id for event in events})
    new = set(connection.execute(_CLAIM, {"handler": handler, "p_event_id": ids}).scalars())
    positions = _positions(connection, handler, events)
    remembered = int((now - REMEMBERED).timestamp())
    fresh = []
    for event in events:
        stream, number = (event.record.topic, event.stream_key), event.metadata.stream_sequence
        position = positions.get(stream, 0)
        if event.event_id in new and (number > position or event.metadata.occur_time.seconds > remembered):
            new.discard(event.event_id)
            positions[stream] = max(position, number)
            fresh.append(event)
    _advance(connection, handler, fresh, positions)
    return fresh


def _positions(connection: sa.Connection, handler: str, events: Sequence[Received]) -> dict[tuple[str, str], int]:
    topics = sorted({event.record.topic for event in events})
    keys = sorted({event.stream_key for event in events})
    rows = connection.execute(_POSITIONS, {"handler": handler, "topics": topics, "keys": keys})
    return {(topic, stream_key): sequence for topic, stream_key, sequence in rows}


def _advance(connection: sa.Connection, handler: str, fresh: Sequence[Received], positions: dict[tuple[str, str], int]) -> None:
    moved = sorted({(event.record.topic, event.stream_key) for event in fresh})
    upsert_rows(
        connection,
        stream_position,
        [{"handler": handler, "topic": topic, "stream_key": key, "sequence": positions[topic, key]} for topic, key in moved],
    )


def record(connection: sa.Connection, handler: str, topic: str, metadata: EventMetadata) -> bool:
    """Record one event as handled, whatever number its stream has reached. Returns False where its id was known."""
    is_new = bool(connection.execute(_CLAIM, {"handler": handler, "p_event_id": [metadata.event_id]}).all())
    statement = pg.insert(stream_position).values(
        handler=handler, topic=topic, stream_key=metadata.stream_key, sequence=metadata.stream_sequence
    )
    further = sa.func.greatest(stream_position.c.sequence, statement.excluded.sequence)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(stream_position.primary_key), set_={"sequence": further})
    )
    return is_new


def forget_old(connection: sa.Connection) -> int:
    """Delete inbox rows older than 30 days; the stream positions go on guarding."""
    limit = sa.func.now() - sa.text(f"interval '{RETENTION_DAYS} days'")
    return connection.execute(sa.delete(inbox).where(inbox.c.handle_time < limit)).rowcount
