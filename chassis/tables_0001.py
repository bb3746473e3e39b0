"""The chassis tables as the first revision of every service makes them.

Until the first release this follows chassis.tables; from then on it is frozen, and a change is a new revision.
"""

from __future__ import annotations

from typing import Final

from alembic import op

from chassis.tables import metadata

# the audit is append-only by trigger and, where the service's role has the name that deploy gives it, by grant
_AUDIT: Final = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_database() || '_app') THEN
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM %I', current_database() || '_app');
    END IF;
END $$;
"""


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    op.execute(_AUDIT)


def downgrade() -> None:
    """Drop the tables."""
    metadata.drop_all(op.get_bind(), checkfirst=False)
    op.execute("DROP FUNCTION audit_refuse_change")
