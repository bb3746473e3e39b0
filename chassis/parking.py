"""The parking lot: an event that fails waits here with all later ones of its key; every other key goes on."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis import outbox
from chassis.broker import InRecord, OutRecord
from chassis.tables import dead_letter, parked_event

PARKED, QUEUED, DEAD = "PARKED", "QUEUED", "DEAD"
MAX_ATTEMPTS = 5
CAP_SECONDS = 60.0
FIRST_SECONDS = 0.5


def delay(attempts: int, randomness: random.Random) -> timedelta:
    """Return how long to wait after the n-th failure: exponential with full jitter, at most 60 s."""
    return timedelta(seconds=randomness.uniform(0, min(CAP_SECONDS, FIRST_SECONDS * 2**attempts)))


def blocked(connection: sa.Connection, handler: str, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which (topic, key) of these wait here, so that their later events have to queue behind."""
    wanted = sa.bindparam("keys", sorted({key for _, key in keys}), type_=pg.ARRAY(sa.Text))
    statement = (
        sa.select(parked_event.c.topic, parked_event.c.stream_key)
        .where(parked_event.c.handler == handler, parked_event.c.stream_key == sa.any_(wanted))
        .distinct()
    )
    return {(row.topic, row.stream_key) for row in connection.execute(statement)}


def failure(error: BaseException) -> dict[str, str]:
    """Describe an error without its text, which may hold data: the class, and the reason of our own refusals."""
    return {"error_class": type(error).__name__, "reason": str(getattr(error, "reason", ""))}


def park(connection: sa.Connection, handler: str, record: InRecord, stream_key: str, **cause: Any) -> int | None:
    """Park a record; return the new row's id, or None where it is parked already.

    `cause` may set state, attempts, next_time, error_class and reason; by default it queues behind its key.
    """
    row = {
        **_record_columns(handler, record, stream_key),
        "state": QUEUED,
        "attempts": 0,
        "next_time": sa.func.now(),
        "error_class": "",
        "reason": "",
        "first_failure_time": sa.func.now(),
        "last_failure_time": sa.func.now(),
        **cause,
    }
    statement = pg.insert(parked_event).values(row).on_conflict_do_nothing().returning(parked_event.c.id)
    return connection.execute(statement).scalar()


def _record_columns(handler: str, record: InRecord, stream_key: str) -> dict[str, Any]:
    return {
        "handler": handler,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "stream_key": stream_key,
        "headers": {**record.headers, "atlas_key": record.key},
        "value": record.value,
    }


def next_due(connection: sa.Connection, handler: str) -> sa.Row[Any] | None:
    """Return the oldest event that is the first of its key and may be tried again now."""
    first = (
        sa.select(sa.func.min(parked_event.c.id))
        .where(parked_event.c.handler == handler)
        .group_by(parked_event.c.topic, parked_event.c.stream_key)
    )
    statement = (
        sa.select(parked_event)
        .where(parked_event.c.id.in_(first), parked_event.c.state != DEAD, parked_event.c.next_time <= sa.func.now())
        .order_by(parked_event.c.id)
        .limit(1)
    )
    return connection.execute(statement).one_or_none()


def lock(connection: sa.Connection, row_id: int) -> bool:
    """Lock a parked event for this transaction; False where it is gone, or another worker tries it."""
    statement = sa.select(parked_event.c.id).where(parked_event.c.id == row_id).with_for_update(skip_locked=True)
    return connection.execute(statement).scalar() is not None


def record_of(row: sa.Row[Any]) -> InRecord:
    """Return the record as it was read."""
    headers = {name: value for name, value in row.headers.items() if name != "atlas_key"}
    return InRecord(row.topic, row.partition, row.offset, row.headers["atlas_key"], bytes(row.value), headers)


def remove(connection: sa.Connection, row_id: int) -> None:
    """Take an event out: it was handled or discarded."""
    connection.execute(sa.delete(parked_event).where(parked_event.c.id == row_id))


def fail(connection: sa.Connection, row: sa.Row[Any], error: BaseException, next_time: datetime) -> bool:
    """Count another failure. Returns True where that was the last try and the event is dead now."""
    attempts = row.attempts + 1
    state = DEAD if attempts >= MAX_ATTEMPTS else PARKED
    change(connection, row.id, attempts=attempts, state=state, next_time=next_time, **failure(error))
    return state == DEAD


def change(connection: sa.Connection, row_id: int, **columns: Any) -> bool:
    """Change a parked event; its version moves. False where it is gone."""
    statement = sa.update(parked_event).where(parked_event.c.id == row_id)
    values = {"version": parked_event.c.version + 1, "update_time": sa.func.now(), **columns}
    if "error_class" in columns:
        values["last_failure_time"] = sa.func.now()
    return connection.execute(statement.values(values)).rowcount == 1


def retry_now(connection: sa.Connection, row_id: int) -> bool:
    """Let an event be tried again at once, with its tries counted anew. False where it is gone."""
    return change(connection, row_id, state=PARKED, attempts=0, next_time=sa.func.now())


def dead_letter_topic(topic: str) -> str:
    """Return the dead letter topic of a topic: atlas.orders.v1 → atlas.orders.dlq.v1."""
    domain, _, version = topic.rpartition(".")
    return f"{domain}.dlq.{version}"


def bury(
    connection: sa.Connection,
    handler: str,
    record: InRecord,
    *,
    fresh_id: str,
    details: Mapping[str, Any],
) -> None:
    """Record a dead letter, and publish the original bytes, key and headers with where and why, through the outbox.

    `details` has stream_key, error_class, reason and attempts, and where known event_id, parked_event_id and the failure
    times. A record that died before is not published again.
    """
    row = {
        **_record_columns(handler, record, str(details["stream_key"])),
        "first_failure_time": sa.func.now(),
        "last_failure_time": sa.func.now(),
        "state": DEAD,
        **details,
    }
    statement = pg.insert(dead_letter).values(row)
    again = {"state": DEAD, "attempts": row["attempts"], "last_failure_time": sa.func.now()}
    statement = statement.on_conflict_do_update(
        constraint="dead_letter_record",
        set_={**again, "version": dead_letter.c.version + 1, "update_time": sa.func.now()},
        where=dead_letter.c.state == "REPLAYED",
    )
    if connection.execute(statement.returning(dead_letter.c.id)).scalar() is None:
        return
    now = datetime.now(UTC)
    headers = {
        **record.headers,
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_group": handler,
        "dlq_attempts": str(details["attempts"]),
        "dlq_error_class": str(details["error_class"]),
        "dlq_reason": str(details["reason"]),
        "dlq_first_failure_time": str(details.get("first_failure_time", now)),
        "dlq_last_failure_time": str(now),
    }
    dead = OutRecord(dead_letter_topic(record.topic), record.key or "-", record.value, headers)
    outbox.append_dead_letter(connection, fresh_id, dead, now)


def measure(connection: sa.Connection, handler: str) -> dict[str, int]:
    """Count the events in the parking lot by state."""
    statement = sa.select(parked_event.c.state, sa.func.count().label("events"))
    rows = connection.execute(statement.where(parked_event.c.handler == handler).group_by(parked_event.c.state))
    return {row.state: row.events for row in rows}
