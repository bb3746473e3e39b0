"""Items, movements, receipts, reservations, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis import tables_0001

revision = "0001"
down_revision = None

Time = sa.DateTime(timezone=True)
Uuid = pg.UUID(as_uuid=False)
REFUSE = "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
RAISE = "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';"


def upgrade() -> None:
    """Bring the change in."""
    tables_0001.upgrade()
    _create_stock()
    _create_reservations()


def _create_stock() -> None:
    op.create_table(
        "stock_item",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("warehouse_id", sa.Text, nullable=False),
        sa.Column("cost_currency", sa.Text, nullable=False),
        sa.Column("cost_minor_units", sa.BigInteger, nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("backordered", sa.BigInteger, nullable=False),
        *_aggregate(),
        sa.CheckConstraint("0 <= reserved AND reserved <= on_hand", name="stock_item_reserved"),
        sa.CheckConstraint("backordered >= 0", name="stock_item_backordered"),
        sa.CheckConstraint("backordered = 0 OR reserved = on_hand", name="stock_item_nothing_free_while_waiting"),
        sa.CheckConstraint("cost_minor_units >= 0", name="stock_item_cost"),
    )
    op.create_index("stock_item_newest", "stock_item", ["create_time", "sku"])
    op.create_table(
        "stock_movement",
        sa.Column("movement_id", Uuid, primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("stock_item.sku"), nullable=False),
        sa.Column("warehouse_id", sa.Text, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source_id", Uuid, nullable=False),
        sa.Column("line_number", sa.Integer, nullable=False),
        sa.Column("on_hand_after", sa.BigInteger, nullable=False),
        sa.Column("cause_id", sa.Text, nullable=False),
        *_aggregate(),
        sa.UniqueConstraint("source_id", "sku", "line_number", name="stock_movement_source"),
        sa.CheckConstraint("quantity <> 0 AND on_hand_after >= 0", name="stock_movement_quantity"),
    )
    op.create_index("stock_movement_newest", "stock_movement", ["sku", "create_time", "movement_id"])
    op.execute(REFUSE.format(RAISE))
    op.execute(
        "CREATE TRIGGER stock_movement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movement "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "receipt",
        sa.Column("receipt_id", Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("completed_order_ids", pg.JSONB, nullable=False),
        *_aggregate(),
    )
    op.create_index("receipt_newest", "receipt", ["create_time", "receipt_id"])
    op.create_index("receipt_reference", "receipt", ["reference", "create_time"])


def _create_reservations() -> None:
    op.create_table(
        "reservation",
        sa.Column("order_id", Uuid, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("place_time", Time),
        sa.Column("placed_by", sa.Text, nullable=False),
        sa.Column("placed_by_issuer", sa.Text, nullable=False),
        sa.Column("has_unknown_item", sa.Boolean, nullable=False),
        sa.Column("is_confirmed", sa.Boolean, nullable=False),
        sa.Column("is_cancelled", sa.Boolean, nullable=False),
        sa.Column("shipments", pg.JSONB, nullable=False),
        *_aggregate(),
        sa.CheckConstraint("priority BETWEEN 0 AND 9", name="reservation_priority"),
    )
    op.create_index("reservation_newest", "reservation", ["create_time", "order_id"])
    op.create_index("reservation_placed_by", "reservation", ["placed_by", "create_time"])
    op.create_table(
        "reservation_line",
        sa.Column("order_id", Uuid, sa.ForeignKey("reservation.order_id"), primary_key=True),
        sa.Column("line_number", sa.Integer, primary_key=True),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("shipped", sa.BigInteger, nullable=False),
        sa.Column("waiting", sa.BigInteger, nullable=False),
        sa.CheckConstraint("held >= 0 AND shipped >= 0 AND waiting >= 0", name="reservation_line_signs"),
        sa.CheckConstraint("held + shipped + waiting <= quantity", name="reservation_line_quantity"),
    )
    op.create_index("reservation_line_queue", "reservation_line", ["sku"], postgresql_where=sa.text("waiting > 0"))
    op.create_index("reservation_line_held", "reservation_line", ["sku"], postgresql_where=sa.text("held > 0"))


def _aggregate() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    ]


def downgrade() -> None:
    """Take it back."""
    for table in ("reservation_line", "reservation", "receipt", "stock_movement", "stock_item"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change")
    tables_0001.downgrade()
