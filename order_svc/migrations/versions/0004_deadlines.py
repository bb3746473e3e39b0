"""Orders that wait already are looked at once, and from then on like all others (ADR 0024)."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the change in."""
    op.execute(
        """
        INSERT INTO timer (kind, key, due_time, attempt, correlation_id, causation_id, traceparent)
        SELECT 'deadline', order_id::text, now(), 0, order_id::text, order_id::text,
            '00-' || md5(order_id::text) || '-' || left(md5(order_id::text), 16) || '-01'
        FROM orders WHERE state IN
            ('PLACED', 'BACKORDERED', 'RESERVED', 'AWAITING_PAYMENT', 'PAYMENT_FAILED', 'AWAITING_APPROVAL')
        """
    )


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM timer WHERE kind = 'deadline'")
