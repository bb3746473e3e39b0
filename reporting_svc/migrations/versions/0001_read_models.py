"""Order summaries and timeline steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis import tables_0001

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Uuid = pg.UUID(as_uuid=False)
Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table."""
    tables_0001.upgrade()
    _summaries()
    _steps()


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("timeline_step")
    op.drop_table("order_summary")
    tables_0001.downgrade()


def _aggregate_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]


def _summaries() -> None:
    op.create_table(
        "order_summary",
        sa.Column("order_id", Uuid, primary_key=True),
        sa.Column("place_time", Time),
        sa.Column("customer_id", sa.Text),
        sa.Column("currency_code", sa.Text),
        sa.Column("net_minor_units", sa.BigInteger),
        sa.Column("tax_minor_units", sa.BigInteger),
        sa.Column("total_minor_units", sa.BigInteger),
        sa.Column("placed_by_subject", sa.Text),
        sa.Column("placed_by_username", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reservation", sa.Text, nullable=False),
        sa.Column("invoice", sa.Text, nullable=False),
        sa.Column("payment", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("deadline_time", Time),
        sa.Column("settlement", sa.Text),
        sa.Column("changed_sequence", sa.BigInteger, nullable=False),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("last_event_id", Uuid, nullable=False),
        sa.Column("last_event_type", sa.Text, nullable=False),
        sa.Column("last_event_time", Time, nullable=False),
        *_aggregate_columns(),
        sa.CheckConstraint(
            "num_nulls(place_time, customer_id, currency_code, net_minor_units, tax_minor_units, total_minor_units,"
            " placed_by_subject, placed_by_username) IN (0, 8)",
            name="order_summary_placed_or_not",
        ),
    )
    op.create_index("order_summary_newest", "order_summary", ["place_time", "order_id"])
    op.create_index("order_summary_placed_by", "order_summary", ["placed_by_subject", "place_time"])


def _steps() -> None:
    op.create_table(
        "timeline_step",
        sa.Column("event_id", Uuid, primary_key=True),
        sa.Column("order_id", Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("producer", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("occur_time", Time, nullable=False),
        sa.Column("seen_time", Time, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("causation_id", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        *_aggregate_columns(),
    )
    op.create_index("timeline_step_order", "timeline_step", ["order_id", "occur_time", "event_id"])
    op.create_index("timeline_step_newest", "timeline_step", ["occur_time"])
