"""The ledger: append-only, and balanced by the database itself.

A journal is checked when its transaction commits: it has at least two entries, of one currency, that add up to zero, and
all of it was written by one transaction (`xid`), so nothing can be added to it later.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE journal (
    journal_id uuid PRIMARY KEY,
    ref text NOT NULL UNIQUE,
    kind text NOT NULL,
    order_id uuid,
    invoice_id uuid,
    source_event_id uuid,
    post_time timestamptz NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX journal_newest ON journal (post_time, journal_id);
CREATE INDEX journal_order ON journal (order_id);
CREATE INDEX journal_invoice ON journal (invoice_id);
CREATE TABLE entry (
    journal_id uuid NOT NULL REFERENCES journal,
    line smallint NOT NULL CHECK (line >= 1),
    account text NOT NULL CHECK (account IN ('1000', '1010', '1100', '1150', '1200', '2000', '2050', '2100', '2200',
        '2300', '4000', '4200', '5000', '5100', '5200', '5300')),
    currency_code text NOT NULL CHECK (currency_code ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount <> 0 AND amount BETWEEN -9007199254740991 AND 9007199254740991),
    PRIMARY KEY (journal_id, line)
);
CREATE INDEX entry_account ON entry (account, currency_code);
"""

GUARDS = """
CREATE FUNCTION ledger_check_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    written_by xid8;
    lines bigint;
    balance numeric;
    currencies bigint;
BEGIN
    SELECT xid INTO written_by FROM public.journal WHERE journal_id = NEW.journal_id;
    IF written_by IS DISTINCT FROM pg_current_xact_id() THEN
        RAISE EXCEPTION 'journal % is sealed: it was written by another transaction', NEW.journal_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*), sum(amount), count(DISTINCT currency_code) INTO lines, balance, currencies
        FROM public.entry WHERE journal_id = NEW.journal_id;
    IF lines < 2 OR balance <> 0 OR currencies <> 1 THEN
        RAISE EXCEPTION 'journal % is no journal: % entries, balance %, % currencies',
            NEW.journal_id, lines, coalesce(balance, 0), currencies
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_is_balanced AFTER INSERT ON journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_journal();
CREATE CONSTRAINT TRIGGER entry_leaves_balance AFTER INSERT ON entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_journal();
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: corrections are reversals', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

RIGHTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'billing_svc_app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON journal, entry FROM billing_svc_app;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Bring the change in."""
    op.execute(TABLES)
    op.execute(GUARDS)
    op.execute(RIGHTS)


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE entry, journal")
    op.execute("DROP FUNCTION ledger_check_journal, ledger_refuse_change")
