"""Orders by how far a cancellation is made good: the stuck ones are few among many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the change in."""
    op.create_index(
        "order_summary_settlement",
        "order_summary",
        ["settlement", "place_time", "order_id"],
        postgresql_where=sa.text("settlement IS NOT NULL"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("order_summary_settlement", "order_summary")
