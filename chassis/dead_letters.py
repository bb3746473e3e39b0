"""Dead letters: what nobody could handle is kept for people, and published to a topic of its own through the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql as pg

from chassis import outbox
from chassis.broker import InRecord, OutRecord
from chassis.handling import Service
from chassis.parking import DEAD, record_columns
from chassis.tables import MAX_EVENT_BYTES, VALUE_DIGEST, dead_letter

log = structlog.get_logger(__name__)

REPLAYED, DISCARDED = "REPLAYED", "DISCARDED"
MAX_KEY = 255


def topic_of(topic: str) -> str:
    """Return the dead letter topic of a topic: atlas.orders.v1 → atlas.orders.dlq.v1."""
    domain, _, version = topic.rpartition(".")
    return f"{domain}.dlq.{version}"


def bury(connection: sa.Connection, service: Service, record: InRecord, details: Mapping[str, Any]) -> bool:
    """Keep a dead letter, and publish the original bytes, key and headers with where and why, through the outbox.

    `details` has stream_key, error_class, reason and attempts, and where known event_id, parked_event_id and the failure
    times. Returns whether it is published: a record that is dead already is not published again.
    """
    row = {
        **record_columns(service.name, record, str(details["stream_key"])),
        "first_failure_time": sa.func.now(),
        "last_failure_time": sa.func.now(),
        "state": DEAD,
        **details,
    }
    if connection.execute(_upsert(row)).scalar() is None:
        return False
    if len(record.value) > MAX_EVENT_BYTES:  # the outbox refuses it; the row above has it
        log.warning("dead_letter_not_published", topic=record.topic, partition=record.partition, offset=record.offset)
        return False
    now = datetime.now(UTC)
    dead = OutRecord(
        topic_of(record.topic), record.key[:MAX_KEY] or "-", record.value, _headers(service.name, record, details, now)
    )
    outbox.append_dead_letter(connection, service.ids.new(), dead, service.clock.now())
    return True


def _upsert(row: Mapping[str, Any]) -> sa.UpdateBase:
    """Insert a dead letter; one that was replayed and died again waits for a new decision."""
    statement = pg.insert(dead_letter).values(row)
    kept = ("state", "attempts", "error_class", "reason", "last_failure_time")
    return statement.on_conflict_do_update(
        index_elements=["handler", "topic", "partition", "offset", VALUE_DIGEST],
        set_={
            **{name: row[name] for name in kept},
            "event_id": row.get("event_id"),
            "parked_event_id": row.get("parked_event_id"),
            "decide_reason": None,
            "decide_comment": "",
            "decided_by": sa.null(),
            "version": dead_letter.c.version + 1,
            "update_time": sa.func.now(),
        },
        where=dead_letter.c.state == REPLAYED,
    ).returning(dead_letter.c.id)


def _headers(handler: str, record: InRecord, details: Mapping[str, Any], now: datetime) -> dict[str, str]:
    return {
        **record.headers,
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_group": handler,
        "dlq_handler": handler,
        "dlq_attempts": str(details["attempts"]),
        "dlq_error_class": str(details["error_class"]),
        "dlq_reason": str(details["reason"]),
        "dlq_first_failure_time": _text(details.get("first_failure_time", now)),
        "dlq_last_failure_time": _text(now),
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_discarded(connection: sa.Connection, handler: str, record: InRecord) -> bool:
    """Whether a person decided that this record will never be handled."""
    statement = sa.select(dead_letter.c.state).where(
        dead_letter.c.handler == handler,
        dead_letter.c.topic == record.topic,
        dead_letter.c.partition == record.partition,
        dead_letter.c.offset == record.offset,
        dead_letter.c.value == record.value,
    )
    return connection.execute(statement).scalar() == DISCARDED
