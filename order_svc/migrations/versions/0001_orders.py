"""Orders, fulfillments, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis import tables_0001

revision = "0001"
down_revision = None

Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the change in."""
    tables_0001.upgrade()
    op.create_table(
        "orders",
        sa.Column("order_id", pg.UUID(as_uuid=False), primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("client_reference", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("settlement", sa.Text),
        sa.Column("currency_code", sa.Text, nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
        sa.Column("placed_by_issuer", sa.Text, nullable=False),
        sa.Column("placed_by", sa.Text, nullable=False),
        sa.Column("placed_by_username", sa.Text, nullable=False),
        sa.Column("place_time", Time, nullable=False),
        sa.Column("state_time", Time, nullable=False),
        sa.Column("deadline_time", Time),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("known", pg.JSONB, nullable=False),
        sa.Column("cancel_reason", sa.Text, nullable=False),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.Column("terms_version", sa.Integer, nullable=False),
        *_aggregate(),
    )
    op.create_index("orders_newest", "orders", ["create_time", "order_id"])
    op.create_index("orders_customer", "orders", ["customer_id", "create_time"])
    op.create_index("orders_placed_by", "orders", ["placed_by", "create_time"])
    op.create_table(
        "fulfillment",
        sa.Column("fulfillment_id", pg.UUID(as_uuid=False), primary_key=True),
        sa.Column("order_id", pg.UUID(as_uuid=False), sa.ForeignKey("orders.order_id"), nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("tracking_reference", sa.Text),
        *_aggregate(),
    )
    op.create_index("fulfillment_order", "fulfillment", ["order_id"])


def _aggregate() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]


def downgrade() -> None:
    """Take it back."""
    op.drop_table("fulfillment")
    op.drop_table("orders")
    tables_0001.downgrade()
