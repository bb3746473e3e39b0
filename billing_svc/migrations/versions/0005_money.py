"""What people may do about money, what a provider tells by himself, and numbers that begin anew each year."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

CHANGES = """
ALTER TABLE invoice ADD COLUMN void_reason text, ADD COLUMN void_comment text NOT NULL DEFAULT '';
ALTER TABLE payment
    ADD COLUMN failure_reason text,
    ADD COLUMN dunning_begin_time timestamptz,
    ADD COLUMN dunning_place integer NOT NULL DEFAULT 1,
    ADD COLUMN next_attempt_time timestamptz,
    ADD COLUMN has_late_failure boolean NOT NULL DEFAULT false;
UPDATE payment SET dunning_begin_time = create_time, failure_reason = CASE
    WHEN received_currency_code <> currency_code THEN 'CURRENCY'
    WHEN received < amount THEN 'SHORT'
    WHEN received IS NOT NULL THEN NULL
    WHEN decline_kind IS NOT NULL THEN 'DECLINED_' || decline_kind
    WHEN is_withdrawn AND failures > 5 THEN 'PROVIDER_UNAVAILABLE' END;
ALTER TABLE payment ALTER COLUMN dunning_begin_time SET NOT NULL;
ALTER TABLE credit_note ADD COLUMN reason text, ADD COLUMN comment text NOT NULL DEFAULT '';
ALTER TABLE counter ADD COLUMN year integer NOT NULL DEFAULT 0;
"""
MESSAGES = """
CREATE TABLE provider_message (
    message_key text PRIMARY KEY,
    kind text NOT NULL,
    body text NOT NULL,
    refused_field text,
    refused_rule text,
    version bigint NOT NULL,
    stream_sequence bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Bring the change in."""
    op.execute(CHANGES)
    op.execute(MESSAGES)


def downgrade() -> None:
    """Take it back. Attempts that are to follow by themselves do not."""
    op.execute("DROP TABLE provider_message")
    op.execute("ALTER TABLE counter DROP COLUMN year")
    op.execute("ALTER TABLE credit_note DROP COLUMN reason, DROP COLUMN comment")
    op.execute(
        "ALTER TABLE payment DROP COLUMN failure_reason, DROP COLUMN dunning_begin_time, DROP COLUMN dunning_place,"
        " DROP COLUMN next_attempt_time, DROP COLUMN has_late_failure"
    )
    op.execute("ALTER TABLE invoice DROP COLUMN void_reason, DROP COLUMN void_comment")
