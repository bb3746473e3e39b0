"""What was cancelled of an order after a part of it was shipped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the change in."""
    op.add_column("order_account", sa.Column("cancellations", pg.JSONB, nullable=False, server_default="{}"))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("order_account", "cancellations")
