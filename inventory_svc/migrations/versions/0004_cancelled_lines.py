"""Units of reservation lines that were cancelled after a part of their order was shipped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"

UNITS = "reservation_line_quantity"


def upgrade() -> None:
    """Bring the change in."""
    op.add_column("reservation", sa.Column("cancellations", pg.JSONB, nullable=False, server_default="[]"))
    op.add_column("reservation_line", sa.Column("cancelled", sa.BigInteger, nullable=False, server_default="0"))
    op.drop_constraint(UNITS, "reservation_line")
    op.create_check_constraint(UNITS, "reservation_line", "cancelled >= 0 AND held + shipped + waiting + cancelled <= quantity")


def downgrade() -> None:
    """Take it back."""
    op.drop_constraint(UNITS, "reservation_line")
    op.create_check_constraint(UNITS, "reservation_line", "held + shipped + waiting <= quantity")
    op.drop_column("reservation_line", "cancelled")
    op.drop_column("reservation", "cancellations")
