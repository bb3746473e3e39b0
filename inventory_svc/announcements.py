"""How announcements are kept, and what is read of them: those that are open under a reference, and what comes of a SKU."""

from __future__ import annotations

from collections.abc import Collection
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.store import Child, Columns, Mapping
from chassis.tables import Time, aggregate_columns
from chassis.world import World
from inventory_svc.domain.announcement import AnnouncedLine, Announcement, State
from inventory_svc.domain.expectation import Arrival

Uuid = pg.UUID(as_uuid=False)
EXTRA = "open announcements"
metadata = sa.MetaData()
_LOCK = sa.text(
    "SELECT pg_advisory_xact_lock(hash) FROM (SELECT DISTINCT hashtextextended(reference, 0) AS hash "
    "FROM unnest(:wanted) AS reference ORDER BY hash) AS hashes"
).bindparams(sa.bindparam("wanted", type_=pg.ARRAY(sa.Text)))

announcement = sa.Table(
    "announcement",
    metadata,
    sa.Column("announcement_id", Uuid, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="derived from the facts, kept for searching"),
    sa.Column("expected_time", Time, nullable=False),
    sa.Column("lines", pg.JSONB, nullable=False),
    sa.Column("receipt_id", Uuid, comment="the receipt that closed it"),
    sa.Column("replaced_by", Uuid, comment="the announcement that took its place"),
    *aggregate_columns(),
)

announced_stock = sa.Table(
    "announced_stock",
    metadata,
    sa.Column("announcement_id", Uuid, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("expected_time", Time, nullable=False, comment="the announcement's"),
    sa.Column("is_open", sa.Boolean, nullable=False, comment="whether the announcement is"),
)


def _columns(value: Announcement) -> Columns:
    return {
        "reference": value.reference,
        "state": value.state.value,
        "expected_time": value.expected_time,
        "lines": [[line.sku, line.quantity] for line in value.lines],
        "receipt_id": value.receipt_id,
        "replaced_by": value.replaced_by,
    }


def _stock_columns(value: Announcement) -> list[Columns]:
    about = {"announcement_id": value.announcement_id, "expected_time": value.expected_time, "is_open": value.is_open}
    return [{**about, "sku": line.sku, "quantity": line.quantity} for line in value.lines]


def announcement_from(row: Any, _children: object = None) -> Announcement:
    """Rebuild an announcement from its row."""
    return Announcement(
        announcement_id=row.announcement_id,
        reference=row.reference,
        expected_time=row.expected_time,
        lines=tuple(AnnouncedLine(sku, quantity) for sku, quantity in row.lines),
        receipt_id=row.receipt_id,
        replaced_by=row.replaced_by,
    )


ANNOUNCEMENTS = Mapping(
    Announcement,
    announcement,
    "announcement_id",
    _columns,
    announcement_from,
    children=(Child(announced_stock, "announcement_id", _stock_columns),),
)


def lock_references(connection: sa.Connection, references: Collection[str]) -> None:
    """Let one transaction at a time use a reference, also one under which nothing is announced yet."""
    connection.execute(_LOCK, {"wanted": sorted(references)})


def open_ids(connection: sa.Connection, references: Collection[str]) -> dict[str, str]:
    """Return the ids of what is announced under these references and still open, by reference."""
    columns = announcement.c
    wanted = sa.any_(sa.bindparam("wanted", sorted(references), type_=pg.ARRAY(sa.Text)))
    statement = sa.select(columns.reference, columns.announcement_id)
    rows = connection.execute(statement.where(columns.reference == wanted, columns.state == State.OPEN.value))
    return {row.reference: row.announcement_id for row in rows}


def remember(world: World, by_reference: dict[str, str]) -> None:
    """Keep which of a world that has just been loaded was open under which reference."""
    world.extra[EXTRA] = by_reference


def open_under(world: World, reference: str) -> Announcement | None:
    """Return what is announced under a reference and open as of now, within this batch too."""
    new = (row.aggregate for row in takewhile(lambda row: not row.stored, reversed(world.rows.values())))
    known = world.find(Announcement, world.extra.get(EXTRA, {}).get(reference, ""))
    mine = (each for each in (*new, known) if isinstance(each, Announcement) and each.reference == reference)
    return next((each for each in mine if each.is_open), None)


def arrivals(connection: sa.Connection, skus: Collection[str]) -> tuple[Arrival, ...]:
    """Return what is announced of these SKUs, in the order in which it should come."""
    columns = announced_stock.c
    wanted = sa.any_(sa.bindparam("wanted", sorted(skus), type_=pg.ARRAY(sa.Text)))
    together = sa.func.jsonb_object_agg(columns.sku, columns.quantity).label("units")
    statement = (
        sa.select(columns.expected_time, together)
        .where(columns.sku == wanted, columns.is_open)
        .group_by(columns.expected_time, columns.announcement_id)
        .order_by(columns.expected_time, columns.announcement_id)
    )
    return tuple(Arrival(row.expected_time, row.units) for row in connection.execute(statement))
