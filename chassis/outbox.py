"""The outbox: events leave a service only as rows of the transaction that made them true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis import failpoints
from chassis.broker import OutRecord
from chassis.database import insert_rows
from chassis.envelope import Sealed
from chassis.tables import outbox

RETENTION_DAYS = 7
PAGE = 500


def append(connection: sa.Connection, events: Sequence[Sealed]) -> None:
    """Insert events as the last rows of a transaction, in the order they happened."""
    insert_rows(connection, outbox, [_row(event) for event in events])
    failpoints.hit("outbox.before_commit")


def _row(event: Sealed) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "topic": event.topic,
        "stream_key": event.stream_key,
        "stream_sequence": event.stream_sequence,
        "headers": dict(event.headers),
        "value": event.value,
        "occur_time": event.occur_time,
    }


def append_dead_letter(connection: sa.Connection, event_id: str, record: OutRecord, now: datetime) -> None:
    """Send a record to a dead letter topic through the outbox; it belongs to no stream and has no number."""
    row = {
        "event_id": event_id,
        "event_type": "DeadLetter",
        "topic": record.topic,
        "stream_key": record.key,
        "stream_sequence": None,
        "headers": dict(record.headers),
        "value": record.value,
        "occur_time": now,
    }
    insert_rows(connection, outbox, [row])


def pending(connection: sa.Connection, *, floor: int, limit: int) -> Iterator[sa.Row[Any]]:
    """Read unpublished rows from id `floor` on, by id; more than a page of them come page by page, from one snapshot."""
    statement = sa.select(outbox.c.id, outbox.c.topic, outbox.c.stream_key, outbox.c.headers, outbox.c.value)
    statement = statement.where(outbox.c.publish_time.is_(None), outbox.c.id >= floor).order_by(outbox.c.id)
    paging = {"yield_per": PAGE} if limit > PAGE else {}
    return iter(connection.execute(statement.limit(limit), execution_options=paging))


def record_of(row: sa.Row[Any]) -> OutRecord:
    """Return the record that a pending row becomes."""
    headers: Mapping[str, str] = row.headers
    return OutRecord(row.topic, row.stream_key, bytes(row.value), headers)


def mark(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Flag rows as published."""
    wanted = sa.bindparam("ids", list(ids), type_=pg.ARRAY(sa.BigInteger))
    connection.execute(sa.update(outbox).where(outbox.c.id == sa.any_(wanted)).values(publish_time=sa.func.now()))


def reopen(connection: sa.Connection) -> int:
    """Make every retained row pending again, for a broker that has lost its data. Returns how many there are."""
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))  # seven days of rows may take longer than a command may
    return connection.execute(sa.update(outbox).values(publish_time=None)).rowcount


def forget_old(connection: sa.Connection) -> int:
    """Delete rows published more than seven days ago, by the database's clock."""
    limit = sa.func.now() - sa.text(f"interval '{RETENTION_DAYS} days'")
    return connection.execute(sa.delete(outbox).where(outbox.c.publish_time < limit)).rowcount
