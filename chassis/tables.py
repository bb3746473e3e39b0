"""The tables that every service database holds beside its own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

MAX_EVENT_BYTES = 900_000

metadata = sa.MetaData()
Time = sa.DateTime(timezone=True)
VALUE_DIGEST = sa.text("sha256(value)")
# what names a record for ever: a broker that lost its data counts its offsets from 0 again
_RECORD = ("handler", "topic", "partition", "offset", VALUE_DIGEST)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(cache=1), primary_key=True),
    sa.Column("event_id", pg.UUID(as_uuid=False), nullable=False, unique=True),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("stream_key", sa.Text, nullable=False),
    sa.Column("stream_sequence", sa.BigInteger, comment="empty for dead letters, which are no stream"),
    sa.Column("headers", pg.JSONB, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("occur_time", Time, nullable=False),
    sa.UniqueConstraint("topic", "stream_key", "stream_sequence"),
    sa.CheckConstraint(f"octet_length(value) <= {MAX_EVENT_BYTES}", name="outbox_value_size"),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("outbox_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("publish_time", Time, comment="empty while the event is pending"),
    sa.Index("publication_pending", "outbox_id", postgresql_where=sa.text("publish_time IS NULL")),
    comment="beside the outbox, whose rows are 1 KB and would be written a second time to mark them",
)

relay_state = sa.Table(
    "relay_state",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True),
    sa.Column("cluster_id", sa.Text, nullable=False, comment="the broker cluster that the outbox was published to"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column("event_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("handle_time", Time, nullable=False, server_default=sa.func.now()),
)

stream_position = sa.Table(
    "stream_position",
    metadata,
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("stream_key", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

parked_event = sa.Table(
    "parked_event",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(cache=1), primary_key=True),
    sa.Column("handler", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("stream_key", sa.Text, nullable=False),
    sa.Column("headers", pg.JSONB, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="PARKED: tried again; QUEUED: behind another; DEAD: for a person"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_time", Time, nullable=False),
    sa.Column("error_class", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("first_failure_time", Time, nullable=False),
    sa.Column("last_failure_time", Time, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("create_time", Time, nullable=False, server_default=sa.func.now()),
    sa.Column("update_time", Time, nullable=False, server_default=sa.func.now()),
    sa.Index("parked_event_record", *_RECORD, unique=True),
    sa.Index("parked_event_key", "handler", "topic", "stream_key", "id"),
)

dead_letter = sa.Table(
    "dead_letter",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(cache=1), primary_key=True),
    sa.Column("parked_event_id", sa.BigInteger, comment="empty for undecodable records, which block no key"),
    sa.Column("event_id", pg.UUID(as_uuid=False), comment="empty where the record could not be decoded"),
    sa.Column("handler", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("stream_key", sa.Text, nullable=False),
    sa.Column("headers", pg.JSONB, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error_class", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("first_failure_time", Time, nullable=False),
    sa.Column("last_failure_time", Time, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="DEAD, then REPLAYED or DISCARDED by a person"),
    sa.Column("decide_reason", sa.Text),
    sa.Column("decide_comment", sa.Text, nullable=False, server_default=""),
    sa.Column("decided_by", pg.JSONB, comment="issuer, subject, client"),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("create_time", Time, nullable=False, server_default=sa.func.now()),
    sa.Column("update_time", Time, nullable=False, server_default=sa.func.now()),
    sa.Index("dead_letter_record", *_RECORD, unique=True),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("response", sa.LargeBinary, comment="set before the commit, so no reader ever sees it empty"),
    sa.Column("create_time", Time, nullable=False, server_default=sa.func.now()),
    sa.Column("expire_time", Time, nullable=False, server_default=sa.text("now() + interval '24 hours'")),
)

timer = sa.Table(
    "timer",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("due_time", Time, nullable=False, comment="by the sandbox clock"),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("lease_time", Time, comment="by the database's clock: nobody else takes it before"),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("causation_id", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
    sa.Index("timer_due", "due_time"),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(cache=1), primary_key=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False, server_default="", comment="the caller's own words"),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
    sa.Column("time", Time, nullable=False),
)

sandbox_clock = sa.Table(
    "sandbox_clock",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True),
    sa.Column("offset_seconds", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("create_time", Time, nullable=False, server_default=sa.func.now()),
    sa.Column("update_time", Time, nullable=False, server_default=sa.func.now()),
)


def aggregate_columns() -> list[sa.Column[object]]:
    """Return the columns that every aggregate's table carries: version, stream number, times."""
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]
