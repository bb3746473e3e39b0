"""The outbox: events leave a service only as rows of the transaction that made them true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from chassis import failpoints
from chassis.broker import OutRecord
from chassis.database import array_parameters, by_column, unnest
from chassis.envelope import Sealed
from chassis.tables import outbox, publication

RETENTION_DAYS = 7
CHUNK = 100
IS_PENDING = publication.c.publish_time.is_(None)

_COLUMNS = ("event_id", "event_type", "topic", "stream_key", "stream_sequence", "headers", "value", "occur_time")
_ROWS = unnest(outbox, _COLUMNS)
_EVENT = (
    sa.insert(outbox)
    .from_select(list(_COLUMNS), sa.select(*[_ROWS.c[name] for name in _COLUMNS]).order_by(_ROWS.c.ordinality))
    .returning(outbox.c.id)
    .cte("event")
)
_FIRST = (
    sa.select(publication.c.outbox_id)
    .where(IS_PENDING, publication.c.outbox_id >= sa.bindparam("floor"))
    .order_by(publication.c.outbox_id)
    .limit(sa.bindparam("limit"))
    .subquery()
)
_PENDING = str(
    sa.select(outbox.c.id, outbox.c.topic, outbox.c.stream_key, outbox.c.value, outbox.c.headers)
    .join(_FIRST, outbox.c.id == _FIRST.c.outbox_id)
    .where(outbox.c.id >= sa.bindparam("floor"))
    .order_by(outbox.c.id)
    .compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]
)
_APPEND = sa.insert(publication).from_select(["outbox_id"], sa.select(_EVENT.c.id))


def append(connection: sa.Connection, events: Sequence[Sealed]) -> None:
    """Insert events as the last rows of a transaction, in the order they happened."""
    _insert(connection, [_row(event) for event in events])
    failpoints.hit("outbox.before_commit")


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(_APPEND, array_parameters(by_column(rows)))


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
    _insert(connection, [row])


def pending(connection: sa.Connection, *, floor: int, limit: int) -> Iterator[tuple[int, OutRecord]]:
    """Read unpublished events from id `floor` on, by id, while the server sends them: one statement, so one snapshot.

    The driver is used bare: it takes bytes in binary, and rows in chunks without a cursor to go back and forth for.
    """
    driver = cast(psycopg.Connection[Any], connection.connection.driver_connection)
    with driver.cursor(binary=True) as cursor:
        for row_id, *record in cursor.stream(_PENDING, {"floor": floor, "limit": limit}, size=CHUNK):
            yield row_id, OutRecord(*record)


def mark(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Flag rows as published."""
    wanted = sa.bindparam("ids", list(ids), type_=pg.ARRAY(sa.BigInteger))
    connection.execute(
        sa.update(publication).where(publication.c.outbox_id == sa.any_(wanted)).values(publish_time=sa.func.now())
    )


def reopen(connection: sa.Connection) -> int:
    """Make every retained row pending again, for a broker that has lost its data. Returns how many there are."""
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))  # seven days of rows may take longer than a command may
    return connection.execute(sa.update(publication).values(publish_time=None)).rowcount


def forget_old(connection: sa.Connection) -> int:
    """Delete rows published more than seven days ago, by the database's clock."""
    limit = sa.func.now() - sa.text(f"interval '{RETENTION_DAYS} days'")
    old = sa.delete(publication).where(publication.c.publish_time < limit).returning(publication.c.outbox_id).cte("old")
    return connection.execute(sa.delete(outbox).where(outbox.c.id == old.c.outbox_id)).rowcount


def with_publication() -> sa.Join:
    """Return the outbox with when each of its events was published, as a FROM element."""
    return outbox.join(publication, publication.c.outbox_id == outbox.c.id)


def count_pending(connection: sa.Connection) -> tuple[int, datetime | None]:
    """Count the unpublished events, and say when the oldest of them occurred."""
    statement = sa.select(sa.func.count(), sa.func.min(outbox.c.occur_time)).select_from(with_publication()).where(IS_PENDING)
    count, oldest = connection.execute(statement).one()
    return count, oldest
