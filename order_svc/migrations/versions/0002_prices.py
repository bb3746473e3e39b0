"""The price list, which only grows, and who used which reference of his own first.

Orders of one principal that share a reference already stay as they are: the reference belongs to the first of them.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE price (
    price_id uuid PRIMARY KEY,
    sku text NOT NULL,
    currency_code text NOT NULL CHECK (currency_code ~ '^[A-Z]{3}$'),
    unit_price bigint NOT NULL CHECK (unit_price BETWEEN 0 AND 1000000000),
    tax_rate_basis_points integer NOT NULL CHECK (tax_rate_basis_points BETWEEN 0 AND 10000),
    valid_from timestamptz NOT NULL,
    version bigint NOT NULL,
    stream_sequence bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL
);
CREATE INDEX price_valid ON price (sku, currency_code, valid_from, price_id);
CREATE INDEX price_newest ON price (create_time, price_id);
CREATE INDEX price_sku ON price (sku, create_time, price_id);
CREATE TABLE client_reference (
    reference_key text PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    version bigint NOT NULL,
    stream_sequence bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL
);
"""

USED = """
INSERT INTO client_reference
SELECT DISTINCT ON (placed_by_issuer, placed_by, client_reference)
    concat_ws('|', placed_by_issuer, placed_by, client_reference), order_id, 1, 0, create_time, create_time
FROM orders
WHERE client_reference IS NOT NULL
ORDER BY placed_by_issuer, placed_by, client_reference, create_time, order_id;
"""

GUARDS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: what was true stays written', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER price_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER client_reference_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON client_reference
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'order_svc_app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON price, client_reference FROM order_svc_app;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Bring the change in."""
    op.execute(TABLES)
    op.execute(USED)
    op.execute(GUARDS)


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE client_reference, price")
    op.execute("DROP FUNCTION refuse_change")
