"""The tables, as ORM entities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker
from uuid_utils.compat import uuid7

POOL_SIZE = 16


class Entity(DeclarativeBase):
    """What every entity is."""

    type_annotation_map = {datetime: sa.DateTime(timezone=True), dict[str, Any]: JSONB}  # noqa: RUF012 - as SQLAlchemy reads it


def _now() -> datetime:
    return datetime.now(UTC)


class Order(Entity):
    """An order."""

    __tablename__ = "orders"

    order_id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    customer_id: Mapped[str]
    client_reference: Mapped[str | None]
    state: Mapped[str]
    currency_code: Mapped[str]
    payment_method: Mapped[str]
    placed_by: Mapped[str]
    place_time: Mapped[datetime] = mapped_column(default=_now)
    version: Mapped[int] = mapped_column(default=1)
    lines: Mapped[list[Line]] = relationship(order_by="Line.line_number")


class Line(Entity):
    """A line of an order."""

    __tablename__ = "order_lines"

    order_id: Mapped[UUID] = mapped_column(sa.ForeignKey("orders.order_id"), primary_key=True)
    line_number: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[int] = mapped_column(sa.BigInteger)
    discount_basis_points: Mapped[int]
    tax_rate_basis_points: Mapped[int]
    net: Mapped[int] = mapped_column(sa.BigInteger)
    tax: Mapped[int] = mapped_column(sa.BigInteger)


class OutboxEvent(Entity):
    """An event that waits for the relay."""

    __tablename__ = "outbox"
    __table_args__ = (sa.Index("outbox_pending", "id", postgresql_where=sa.text("publish_time IS NULL")),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True, default=uuid7)
    topic: Mapped[str]
    key: Mapped[str]
    headers: Mapped[dict[str, Any]]
    value: Mapped[bytes]
    publish_time: Mapped[datetime | None]


class IdempotencyKey(Entity):
    """A key that was used, with what was answered."""

    __tablename__ = "idempotency_keys"

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    response: Mapped[bytes]
    create_time: Mapped[datetime] = mapped_column(default=_now)


def engine_of(url: str) -> sa.Engine:
    """Make a pooled engine; psycopg prepares what it sees often."""
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_size=POOL_SIZE, max_overflow=0)


def sessions_of(engine: sa.Engine) -> sessionmaker[Session]:
    """Make the factory of the sessions, one a request."""
    return sessionmaker(engine, expire_on_commit=False)
