"""The chain over the ledger, and what its accounts amount to.

Whoever adds a journal leaves it in `unsealed`, by a trigger; the sealer takes it from there, in batches, and appends it to
`seal`. Seals are append-only and each continues the one before: the database refuses a gap, and another hash than the last.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE unsealed (journal_id uuid PRIMARY KEY);
COMMENT ON TABLE unsealed IS 'journals that wait for the sealer';
CREATE TABLE seal (
    sequence bigint PRIMARY KEY CHECK (sequence >= 1),
    journal_id uuid NOT NULL UNIQUE,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE TABLE ledger_head (
    ledger text PRIMARY KEY,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    version bigint NOT NULL,
    stream_sequence bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL
);
CREATE TABLE balance (
    span text NOT NULL CHECK (span IN ('ALL', 'YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE')),
    from_time timestamptz NOT NULL,
    currency_code text NOT NULL,
    account text NOT NULL,
    debit numeric NOT NULL,
    credit numeric NOT NULL,
    PRIMARY KEY (span, from_time, currency_code, account)
) WITH (fillfactor = 80);
COMMENT ON TABLE balance IS 'what the sealed journals of a span of time moved; the sealer adds to it';
"""

GUARDS = """
CREATE FUNCTION ledger_leave_unsealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.unsealed (journal_id) SELECT journal_id FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER journal_is_unsealed AFTER INSERT ON journal
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_leave_unsealed();
CREATE FUNCTION ledger_check_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken bigint;
BEGIN
    SELECT min(added.sequence) INTO broken
        FROM added LEFT JOIN public.seal AS before ON before.sequence = added.sequence - 1
        WHERE added.previous_hash IS DISTINCT FROM
            CASE WHEN added.sequence = 1 THEN decode(repeat('00', 32), 'hex') ELSE before.hash END;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'seal % does not continue the one before', broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER seal_continues AFTER INSERT ON seal
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_seal();
CREATE TRIGGER seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

RIGHTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'billing_svc_app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON seal FROM billing_svc_app;
        REVOKE INSERT, DELETE, TRUNCATE ON ledger_head FROM billing_svc_app;
    END IF;
END $$;
"""

# the numbers of the stream go on where an earlier upgrade has left them, as far back as the outbox reaches
ROWS = """
INSERT INTO unsealed (journal_id) SELECT journal_id FROM journal;
INSERT INTO ledger_head
    SELECT 'ledger', 0, decode(repeat('00', 32), 'hex'), 1, coalesce(max(stream_sequence), 0), now(), now()
    FROM outbox WHERE topic = 'atlas.billing.v1' AND stream_key = 'ledger';
"""


def upgrade() -> None:
    """Bring the change in; every journal that is there becomes unsealed."""
    op.execute(TABLES)
    op.execute(GUARDS)
    op.execute(RIGHTS)
    op.execute(ROWS)


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TRIGGER journal_is_unsealed ON journal")
    op.execute("DROP TABLE unsealed, seal, ledger_head, balance")
    op.execute("DROP FUNCTION ledger_leave_unsealed, ledger_check_seal")
