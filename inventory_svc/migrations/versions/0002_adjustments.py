"""Adjustments, and movements as a ledger: numbered per item, with what they are worth, balanced by the database itself.

When a transaction commits, the movements of an item add up to what it has on hand: each continues the one before, and the
last one says what the item says. Old rows are numbered in the order of their time, and their running balance is counted
again in that order; no cost has changed before this revision, so each is worth its units at the item's cost.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"

Time = sa.DateTime(timezone=True)
Uuid = pg.UUID(as_uuid=False)

REASONS = "'RECEIPT', 'SHIPMENT', 'COUNT', 'DAMAGED', 'LOST', 'FOUND', 'RETURN', 'EXPIRED', 'COST_CHANGED'"

NUMBERS = """
ALTER TABLE stock_item ADD COLUMN movement_count bigint NOT NULL DEFAULT 0;
ALTER TABLE stock_movement ADD COLUMN movement_number bigint, ADD COLUMN unit_cost_minor_units bigint,
    ADD COLUMN value_change_minor_units bigint;
ALTER TABLE stock_movement DISABLE TRIGGER stock_movement_append_only;
UPDATE stock_movement SET movement_number = counted.number, on_hand_after = counted.balance,
    unit_cost_minor_units = cost_minor_units, value_change_minor_units = quantity * cost_minor_units
FROM stock_item, (
    SELECT movement_id, row_number() OVER story AS number, sum(quantity) OVER story AS balance FROM stock_movement
    WINDOW story AS (PARTITION BY sku ORDER BY create_time, movement_id)) AS counted
WHERE counted.movement_id = stock_movement.movement_id AND stock_item.sku = stock_movement.sku;
ALTER TABLE stock_movement ENABLE TRIGGER stock_movement_append_only;
UPDATE stock_item SET movement_count = (SELECT count(*) FROM stock_movement WHERE stock_movement.sku = stock_item.sku);
ALTER TABLE stock_item ALTER COLUMN movement_count DROP DEFAULT;
"""

RULES = f"""
ALTER TABLE stock_movement
    ALTER COLUMN movement_number SET NOT NULL,
    ALTER COLUMN unit_cost_minor_units SET NOT NULL,
    ALTER COLUMN value_change_minor_units SET NOT NULL,
    DROP CONSTRAINT stock_movement_quantity,
    ADD CONSTRAINT stock_movement_quantity CHECK ((quantity <> 0) = (reason <> 'COST_CHANGED') AND on_hand_after >= 0),
    ADD CONSTRAINT stock_movement_reason CHECK (reason IN ({REASONS})),
    ADD CONSTRAINT stock_movement_value
        CHECK (reason = 'COST_CHANGED' OR value_change_minor_units = quantity * unit_cost_minor_units),
    ADD CONSTRAINT stock_movement_number UNIQUE (sku, movement_number);
DROP INDEX stock_movement_newest;
DROP INDEX reservation_line_held;
CREATE INDEX reservation_line_held ON reservation_line (sku, order_id) WHERE held > 0;
"""

GUARDS = """
CREATE FUNCTION stock_check_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.stock_item AS item LEFT JOIN public.stock_movement AS before
        ON before.sku = item.sku AND before.movement_number = NEW.movement_number - 1
        WHERE item.sku = NEW.sku AND item.warehouse_id = NEW.warehouse_id AND item.movement_count >= NEW.movement_number
            AND (before.sku IS NULL) = (NEW.movement_number = 1)
            AND coalesce(before.on_hand_after, 0) + NEW.quantity = NEW.on_hand_after;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'movement % of % does not continue the one before, or did not move the item',
            NEW.movement_number, NEW.sku USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER stock_movement_continues AFTER INSERT ON stock_movement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stock_check_movement();
CREATE FUNCTION stock_check_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.stock_item AS item LEFT JOIN public.stock_movement AS last
        ON last.sku = item.sku AND last.movement_number = item.movement_count
        WHERE item.sku = NEW.sku AND item.on_hand <> coalesce(last.on_hand_after, 0)
            OR item.sku = NEW.sku AND (last.sku IS NULL) <> (item.movement_count = 0);
    IF FOUND THEN
        RAISE EXCEPTION 'the stock of % is not the sum of its movements', NEW.sku
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER stock_item_is_made AFTER INSERT ON stock_item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stock_check_item();
CREATE CONSTRAINT TRIGGER stock_item_is_moved AFTER UPDATE ON stock_item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.on_hand, OLD.movement_count) IS DISTINCT FROM (NEW.on_hand, NEW.movement_count))
    EXECUTE FUNCTION stock_check_item();
"""

RIGHTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'inventory_svc_app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON stock_movement FROM inventory_svc_app;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Bring the change in."""
    op.execute(NUMBERS)
    op.execute(RULES)
    op.execute(GUARDS)
    op.execute(RIGHTS)
    op.create_table(
        "adjustment",
        sa.Column("adjustment_id", Uuid, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("completed_order_ids", pg.JSONB, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stream_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_time", Time, nullable=False),
        sa.Column("update_time", Time, nullable=False),
    )
    op.create_index("adjustment_newest", "adjustment", ["create_time", "adjustment_id"])


BACK = """
DROP TABLE adjustment;
DROP TRIGGER stock_item_is_moved ON stock_item;
DROP TRIGGER stock_item_is_made ON stock_item;
DROP TRIGGER stock_movement_continues ON stock_movement;
DROP FUNCTION stock_check_item, stock_check_movement;
ALTER TABLE stock_movement DISABLE TRIGGER stock_movement_append_only;
DELETE FROM stock_movement WHERE quantity = 0;
ALTER TABLE stock_movement ENABLE TRIGGER stock_movement_append_only;
ALTER TABLE stock_movement
    DROP CONSTRAINT stock_movement_quantity,
    ADD CONSTRAINT stock_movement_quantity CHECK (quantity <> 0 AND on_hand_after >= 0),
    DROP CONSTRAINT stock_movement_reason,
    DROP COLUMN movement_number, DROP COLUMN unit_cost_minor_units, DROP COLUMN value_change_minor_units;
ALTER TABLE stock_item DROP COLUMN movement_count;
CREATE INDEX stock_movement_newest ON stock_movement (sku, create_time, movement_id);
DROP INDEX reservation_line_held;
CREATE INDEX reservation_line_held ON reservation_line (sku) WHERE held > 0;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'inventory_svc_app') THEN
        GRANT UPDATE, DELETE ON stock_movement TO inventory_svc_app;
    END IF;
END $$;
"""


def downgrade() -> None:
    """Take it back. Movements of no units go with it: the revision before knows no cost changes."""
    op.execute(BACK)
