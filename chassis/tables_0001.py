"""The chassis tables as the first revision of every service makes them.

Until the first release this follows chassis.tables; from then on it is frozen, and a change is a new revision.
"""

from __future__ import annotations

from alembic import op

from chassis.tables import metadata


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    """Drop the tables."""
    metadata.drop_all(op.get_bind(), checkfirst=False)
