"""Indexes in which every list of orders is found in its order."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NEWEST: Final = ["create_time", "order_id"]
BY_STATE: Final = ["state", *NEWEST]
INDEXES: Final = {
    "orders_state": BY_STATE,
    "orders_customer": ["customer_id", *BY_STATE],
    "orders_placed_by": ["placed_by", *BY_STATE],
    "orders_placed_by_customer": ["placed_by", "customer_id", *BY_STATE],
}
BEFORE: Final = {
    "orders_newest": NEWEST,
    "orders_customer": ["customer_id", "create_time"],
    "orders_placed_by": ["placed_by", "create_time"],
}


def upgrade() -> None:
    """Bring the change in."""
    _drop(BEFORE)
    _create(INDEXES)
    given = sa.text("client_reference IS NOT NULL")
    op.create_index("orders_client_reference", "orders", ["client_reference", *NEWEST], postgresql_where=given)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("orders_client_reference", "orders")
    _drop(INDEXES)
    _create(BEFORE)


def _drop(indexes: dict[str, list[str]]) -> None:
    for name in indexes:
        op.drop_index(name, "orders")


def _create(indexes: dict[str, list[str]]) -> None:
    for name, columns in indexes.items():
        op.create_index(name, "orders", columns)
