"""Announced stock; places, holds and takes of those who wait, so that queues can be read and judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"

Time = sa.DateTime(timezone=True)
Uuid = pg.UUID(as_uuid=False)


def upgrade() -> None:
    """Bring the change in."""
    _add_whole_orders()
    _add_places()
    _create_announcements()


def _add_whole_orders() -> None:
    op.add_column("stock_item", sa.Column("backordered_whole", sa.BigInteger, nullable=False, server_default="0"))
    op.drop_constraint("stock_item_nothing_free_while_waiting", "stock_item")
    op.create_check_constraint(
        "stock_item_backordered_whole", "stock_item", "0 <= backordered_whole AND backordered_whole <= backordered"
    )
    op.create_check_constraint(
        "stock_item_nothing_free_while_waiting", "stock_item", "backordered = backordered_whole OR reserved = on_hand"
    )
    op.add_column("reservation", sa.Column("prioritize_time", Time))
    op.add_column("reservation", sa.Column("waits_whole", sa.Boolean, nullable=False, server_default=sa.false()))


def _add_places() -> None:
    """Copy to each line what its order's place in the queue is; the rows of a running system get it from their orders."""
    op.add_column("reservation_line", sa.Column("take_time", Time))
    op.add_column("reservation_line", sa.Column("turn", sa.SmallInteger))
    op.add_column("reservation_line", sa.Column("place_time", Time))
    op.add_column("reservation_line", sa.Column("is_whole", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("reservation_line", sa.Column("is_queued", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE reservation_line AS line SET turn = -o.priority, place_time = o.place_time, is_queued = EXISTS ("
        "SELECT FROM reservation_line w WHERE w.order_id = o.order_id AND w.waiting > 0) "
        "FROM reservation o WHERE o.order_id = line.order_id"
    )
    for column in ("turn", "place_time"):
        op.alter_column("reservation_line", column, nullable=False)
    op.drop_index("reservation_line_queue", "reservation_line")
    op.create_index(
        "reservation_line_queue",
        "reservation_line",
        ["sku", "turn", "place_time", "order_id", "line_number"],
        postgresql_include=["waiting", "is_whole"],
        postgresql_where=sa.text("waiting > 0"),
    )
    op.create_index("reservation_line_part", "reservation_line", ["sku"], postgresql_where=sa.text("held > 0 AND is_queued"))
    op.create_index(
        "reservation_line_whole", "reservation_line", ["order_id"], postgresql_where=sa.text("is_whole AND waiting > 0")
    )


def _create_announcements() -> None:
    op.create_table(
        "announcement",
        sa.Column("announcement_id", Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("expected_time", Time, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("receipt_id", Uuid),
        sa.Column("replaced_by", Uuid),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
        sa.CheckConstraint("receipt_id IS NULL OR replaced_by IS NULL", name="announcement_closed_once"),
    )
    op.create_index("announcement_newest", "announcement", ["create_time", "announcement_id"])
    op.create_index("announcement_reference", "announcement", ["reference", "create_time"])
    op.execute(
        "ALTER TABLE announcement ADD CONSTRAINT announcement_open_once "
        "EXCLUDE USING btree (reference WITH =) WHERE (state = 'OPEN') DEFERRABLE INITIALLY DEFERRED"
    )
    op.create_table(
        "announced_stock",
        sa.Column("announcement_id", Uuid, sa.ForeignKey("announcement.announcement_id"), primary_key=True),
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("expected_time", Time, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.CheckConstraint("quantity > 0", name="announced_stock_quantity"),
    )
    op.create_index("announced_stock_open", "announced_stock", ["sku", "expected_time"], postgresql_where=sa.text("is_open"))


VALIDATE = """
DO $$ BEGIN
    ALTER TABLE stock_item VALIDATE CONSTRAINT stock_item_nothing_free_while_waiting;
EXCEPTION WHEN check_violation THEN
    RAISE NOTICE 'stock is free while an order waits for it: a receipt will give it away';
END $$
"""


def downgrade() -> None:
    """Take it back. Orders that wait whole wait like all others again; stock that is free for them is given by a receipt."""
    op.drop_table("announced_stock")
    op.drop_table("announcement")
    op.drop_index("reservation_line_whole", "reservation_line")
    op.drop_index("reservation_line_part", "reservation_line")
    op.drop_index("reservation_line_queue", "reservation_line")
    op.create_index("reservation_line_queue", "reservation_line", ["sku"], postgresql_where=sa.text("waiting > 0"))
    for column in ("take_time", "turn", "place_time", "is_whole", "is_queued"):
        op.drop_column("reservation_line", column)
    op.drop_column("reservation", "prioritize_time")
    op.drop_column("reservation", "waits_whole")
    op.drop_constraint("stock_item_nothing_free_while_waiting", "stock_item")
    op.drop_column("stock_item", "backordered_whole")
    op.create_check_constraint(
        "stock_item_nothing_free_while_waiting",
        "stock_item",
        "backordered = 0 OR reserved = on_hand",
        postgresql_not_valid=True,
    )
    op.execute(VALIDATE)
