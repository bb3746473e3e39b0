"""The parking lot: an event that fails waits here with all later ones of its key; every other key goes on."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.broker import InRecord
from chassis.database import one_of
from chassis.errors import Poison
from chassis.tables import parked_event

PARKED, QUEUED, DEAD = "PARKED", "QUEUED", "DEAD"
MAX_ATTEMPTS = 5
CAP_SECONDS = 60.0
FIRST_SECONDS = 0.5

_HANDLER = parked_event.c.handler == sa.bindparam("handler", type_=sa.Text)
_BLOCKED = (
    sa.select(parked_event.c.topic, parked_event.c.stream_key)
    .where(_HANDLER, one_of(parked_event.c.topic, "topics"), one_of(parked_event.c.stream_key, "keys"))
    .distinct()
)
_EARLIER = parked_event.alias()
_IS_BEHIND = sa.exists().where(
    _EARLIER.c.handler == parked_event.c.handler,
    _EARLIER.c.topic == parked_event.c.topic,
    _EARLIER.c.stream_key == parked_event.c.stream_key,
    _EARLIER.c.id < parked_event.c.id,
)
_NEXT_DUE = (
    sa.select(parked_event)
    .where(_HANDLER, parked_event.c.state != DEAD, parked_event.c.next_time <= sa.func.now(), ~_IS_BEHIND)
    .order_by(parked_event.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def delay(attempts: int, randomness: random.Random) -> timedelta:
    """Return how long to wait after the n-th failure: exponential with full jitter, at most 60 s."""
    return timedelta(seconds=randomness.uniform(0, min(CAP_SECONDS, FIRST_SECONDS * 2**attempts)))


def blocked(connection: sa.Connection, handler: str, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which (topic, key) of these wait here, so that their later events have to queue behind."""
    places = list(keys)
    wanted = {"topics": sorted({topic for topic, _ in places}), "keys": sorted({key for _, key in places})}
    return {(row.topic, row.stream_key) for row in connection.execute(_BLOCKED, {"handler": handler, **wanted})}


def failure(error: BaseException) -> dict[str, str]:
    """Describe an error without its text, which may hold data: the class, and the reason of our own refusals."""
    return {"error_class": type(error).__name__, "reason": str(getattr(error, "reason", ""))}


def park(connection: sa.Connection, handler: str, record: InRecord, stream_key: str, **cause: Any) -> int | None:
    """Park a record; return the new row's id, or None where it is parked already.

    `cause` may set state, attempts, next_time, error_class and reason; by default it queues behind its key.
    """
    row = {
        **record_columns(handler, record, stream_key),
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


def record_columns(handler: str, record: InRecord, stream_key: str) -> dict[str, Any]:
    """Return the columns that keep a record as it was read."""
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
    """Return the oldest event that is the first of its key, may be tried again now, and that nobody else is trying."""
    return connection.execute(_NEXT_DUE, {"handler": handler}).one_or_none()


def lock(connection: sa.Connection, row: sa.Row[Any]) -> bool:
    """Lock a parked event for this transaction; False where it is gone or changed, or another worker tries it."""
    statement = sa.select(parked_event.c.version).where(parked_event.c.id == row.id).with_for_update(skip_locked=True)
    return bool(connection.execute(statement).scalar() == row.version)


def has_failed(connection: sa.Connection, handler: str, record: InRecord) -> bool:
    """Whether this very record is parked because it failed, not because it queues behind another."""
    statement = sa.select(parked_event.c.state).where(
        parked_event.c.handler == handler,
        parked_event.c.topic == record.topic,
        parked_event.c.partition == record.partition,
        parked_event.c.offset == record.offset,
        parked_event.c.value == record.value,
    )
    return connection.execute(statement).scalar() in (PARKED, DEAD)


def record_of(row: sa.Row[Any]) -> InRecord:
    """Return the record as it was read."""
    headers = {name: value for name, value in row.headers.items() if name != "atlas_key"}
    return InRecord(row.topic, row.partition, row.offset, row.headers["atlas_key"], bytes(row.value), headers)


def remove(connection: sa.Connection, row_id: int) -> None:
    """Take an event out: it was handled or discarded."""
    connection.execute(sa.delete(parked_event).where(parked_event.c.id == row_id))


def fail(connection: sa.Connection, row: sa.Row[Any], error: BaseException, next_time: datetime) -> bool:
    """Count another failure. Returns True where there is no further try and the event is dead now."""
    attempts = row.attempts + 1
    state = DEAD if attempts >= MAX_ATTEMPTS or isinstance(error, Poison) else PARKED
    columns = {"attempts": attempts, "state": state, "next_time": next_time, **failure(error)}
    if row.attempts == 0 and row.state == QUEUED:
        columns["first_failure_time"] = sa.func.now()
    change(connection, row.id, **columns)
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


def measure(connection: sa.Connection, handler: str) -> dict[str, int]:
    """Count the events in the parking lot by state."""
    statement = sa.select(parked_event.c.state, sa.func.count().label("events"))
    rows = connection.execute(statement.where(parked_event.c.handler == handler).group_by(parked_event.c.state))
    return {row.state: row.events for row in rows}
