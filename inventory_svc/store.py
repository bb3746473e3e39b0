"""How items, movements, receipts, adjustments and reservations are kept, and how the queue of a SKU is loaded.

Lock order: SKUs ascending, then orders ascending. Every change of what a line holds or misses locks its SKU first, so the
queue of a locked SKU stands still while its orders are being locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.money import Money
from chassis.store import Child, Columns, Mapping, Store
from chassis.tables import Time, aggregate_columns
from chassis.world import Keys, World
from inventory_svc import backlog, holders
from inventory_svc.domain.adjustment import Adjustment, AdjustmentLine, Holders
from inventory_svc.domain.backorder import Queue
from inventory_svc.domain.reservation import Line, LineCancellation, Placing, Reservation, Shipment
from inventory_svc.domain.stock import Movement, MovementReason, Receipt, ReceiptLine, StockItem

Uuid = pg.UUID(as_uuid=False)
metadata = sa.MetaData()

stock_item = sa.Table(
    "stock_item",
    metadata,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("warehouse_id", sa.Text, nullable=False),
    sa.Column("cost_currency", sa.Text, nullable=False),
    sa.Column("cost_minor_units", sa.BigInteger, nullable=False),
    sa.Column("on_hand", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),
    sa.Column("backordered", sa.BigInteger, nullable=False, comment="what waiting lines miss"),
    sa.Column("movement_count", sa.BigInteger, nullable=False),
    *aggregate_columns(),
)

stock_movement = sa.Table(
    "stock_movement",
    metadata,
    sa.Column("movement_id", Uuid, primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("warehouse_id", sa.Text, nullable=False),
    sa.Column("movement_number", sa.BigInteger, nullable=False, comment="from 1, per item, without gaps"),
    sa.Column("quantity", sa.BigInteger, nullable=False, comment="0 for a cost change"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("source_id", Uuid, nullable=False, comment="the receipt, fulfillment, adjustment, or itself"),
    sa.Column("line_number", sa.Integer, nullable=False, comment="the order line; 0 where there is none"),
    sa.Column("on_hand_after", sa.BigInteger, nullable=False),
    sa.Column("unit_cost_minor_units", sa.BigInteger, nullable=False, comment="after it, in the item's cost currency"),
    sa.Column("value_change_minor_units", sa.BigInteger, nullable=False),
    sa.Column("cause_id", sa.Text, nullable=False, comment="the request or event that moved it"),
    *aggregate_columns(),
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("receipt_id", Uuid, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("lines", pg.JSONB, nullable=False),
    sa.Column("completed_order_ids", pg.JSONB, nullable=False),
    *aggregate_columns(),
)

adjustment = sa.Table(
    "adjustment",
    metadata,
    sa.Column("adjustment_id", Uuid, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("lines", pg.JSONB, nullable=False),
    sa.Column("completed_order_ids", pg.JSONB, nullable=False),
    *aggregate_columns(),
)

reservation = sa.Table(
    "reservation",
    metadata,
    sa.Column("order_id", Uuid, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="derived from the facts, kept for searching"),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("place_time", Time, comment="empty until somebody said when the order was placed"),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("placed_by_issuer", sa.Text, nullable=False),
    sa.Column("has_unknown_item", sa.Boolean, nullable=False),
    sa.Column("is_confirmed", sa.Boolean, nullable=False),
    sa.Column("is_cancelled", sa.Boolean, nullable=False),
    sa.Column("shipments", pg.JSONB, nullable=False),
    sa.Column("cancellations", pg.JSONB, nullable=False),
    *aggregate_columns(),
)

reservation_line = sa.Table(
    "reservation_line",
    metadata,
    sa.Column("order_id", Uuid, primary_key=True),
    sa.Column("line_number", sa.Integer, primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("shipped", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.BigInteger, nullable=False),
    sa.Column("waiting", sa.BigInteger, nullable=False, comment="units it waits for; 0 once the order is closed"),
)


def _item_columns(item: StockItem) -> Columns:
    return {
        "name": item.name,
        "warehouse_id": item.warehouse_id,
        "cost_currency": item.standard_cost.currency_code,
        "cost_minor_units": item.standard_cost.minor_units,
        "on_hand": item.on_hand,
        "reserved": item.reserved,
        "backordered": item.backordered,
        "movement_count": item.movement_count,
    }


def item_from(row: Any, _children: object = None) -> StockItem:
    """Rebuild an item from its row."""
    return StockItem(
        sku=row.sku,
        name=row.name,
        standard_cost=Money(row.cost_currency, row.cost_minor_units),
        on_hand=row.on_hand,
        reserved=row.reserved,
        backordered=row.backordered,
        warehouse_id=row.warehouse_id,
        movement_count=row.movement_count,
    )


def _movement_columns(movement: Movement) -> Columns:
    source = movement.source
    return {
        "sku": movement.sku,
        "warehouse_id": movement.warehouse_id,
        "movement_number": movement.number,
        "quantity": movement.quantity,
        "reason": source.reason.value,
        "source_id": source.source_id,
        "line_number": source.line_number,
        "on_hand_after": movement.on_hand_after,
        "unit_cost_minor_units": movement.unit_cost.minor_units,
        "value_change_minor_units": movement.value_change.minor_units,
        "cause_id": source.cause_id,
    }


def _movement_from(row: Any, _children: object = None) -> Movement:
    raise NotImplementedError("movements are written, never loaded")


def _receipt_columns(value: Receipt) -> Columns:
    return {
        "reference": value.reference,
        "lines": [[line.sku, line.quantity] for line in value.lines],
        "completed_order_ids": list(value.completed_order_ids),
    }


def receipt_from(row: Any, _children: object = None) -> Receipt:
    """Rebuild a receipt from its row."""
    lines = tuple(ReceiptLine(sku, quantity) for sku, quantity in row.lines)
    return Receipt(row.receipt_id, row.reference, lines, tuple(row.completed_order_ids))


def _adjustment_columns(value: Adjustment) -> Columns:
    return {
        "reason": value.reason.value,
        "comment": value.comment,
        "lines": [[line.sku, line.quantity] for line in value.lines],
        "completed_order_ids": list(value.completed_order_ids),
    }


def adjustment_from(row: Any, _children: object = None) -> Adjustment:
    """Rebuild an adjustment from its row."""
    lines = tuple(AdjustmentLine(sku, quantity) for sku, quantity in row.lines)
    reason = MovementReason(row.reason)
    return Adjustment(row.adjustment_id, reason, row.comment, lines, tuple(row.completed_order_ids))


def _reservation_columns(value: Reservation) -> Columns:
    placing = value.placing
    return {
        "state": value.state.value,
        "priority": value.priority,
        "place_time": placing.place_time if placing else None,
        "placed_by": placing.placed_by if placing else "",
        "placed_by_issuer": placing.placed_by_issuer if placing else "",
        "has_unknown_item": value.has_unknown_item,
        "is_confirmed": value.is_confirmed,
        "is_cancelled": value.is_cancelled,
        "shipments": [[s.fulfillment_id, [list(part) for part in s.parts], s.is_done] for s in value.shipments],
        "cancellations": [[c.cancellation_id, [list(part) for part in c.parts], c.is_done] for c in value.cancellations],
    }


def reservation_from(row: Any, children: list[list[Any]]) -> Reservation:
    """Rebuild a reservation from its row and the rows of its lines, by line number."""
    return Reservation(
        order_id=row.order_id,
        placing=Placing(row.place_time, row.placed_by, row.placed_by_issuer) if row.place_time else None,
        priority=row.priority,
        lines=tuple(Line(r.line_number, r.sku, r.quantity, r.held, r.shipped, r.cancelled) for r in children[0]),
        has_unknown_item=row.has_unknown_item,
        is_confirmed=row.is_confirmed,
        is_cancelled=row.is_cancelled,
        shipments=tuple(Shipment(i, tuple((n, u) for n, u in parts), done) for i, parts, done in row.shipments),
        cancellations=tuple(LineCancellation(i, tuple((n, u) for n, u in parts), done) for i, parts, done in row.cancellations),
    )


def _line_columns(value: Reservation) -> list[Columns]:
    return [
        {
            "order_id": value.order_id,
            "line_number": line.line_number,
            "sku": line.sku,
            "quantity": line.quantity,
            "held": line.held,
            "shipped": line.shipped,
            "cancelled": line.cancelled,
            "waiting": line.missing if value.is_open else 0,
        }
        for line in value.lines
    ]


_ITEMS = Mapping(StockItem, stock_item, "sku", _item_columns, item_from, is_stream=True)
_RESERVATIONS = Mapping(
    Reservation,
    reservation,
    "order_id",
    _reservation_columns,
    reservation_from,
    children=(Child(reservation_line, "order_id", _line_columns),),
    is_stream=True,
)
_MOVEMENTS = Mapping(Movement, stock_movement, "movement_id", _movement_columns, _movement_from)
_RECEIPTS = Mapping(Receipt, receipt, "receipt_id", _receipt_columns, receipt_from)
_ADJUSTMENTS = Mapping(Adjustment, adjustment, "adjustment_id", _adjustment_columns, adjustment_from)


class InventoryStore(Store):
    """Loads SKUs, then the orders that a message names together with all that wait in the queues it may walk."""

    def load(self, connection: sa.Connection, keys: Keys) -> World:
        """Lock and load the named SKUs, then the named and the waiting orders."""
        world = super().load(connection, frozenset(key for key in keys if key[0] is StockItem))
        named = {key for kind, key in keys if kind is Reservation}
        queues = [key for kind, key in keys if kind is Queue]
        orders = sorted(named | self._waiting(connection, queues))
        if orders:
            self.load_kind(connection, world, _RESERVATIONS, orders)
        backlog.remember(world)
        if held := [key for kind, key in keys if kind is Holders]:
            world.extra[holders.EXTRA] = holders.look_up(connection, held)
        return world

    @staticmethod
    def _waiting(connection: sa.Connection, skus: Iterable[str]) -> set[str]:
        """Return the orders that wait for one of these SKUs, whose rows are locked."""
        wanted = sorted(skus)
        if not wanted:
            return set()
        line = reservation_line.c
        one_of = sa.any_(sa.bindparam("skus", wanted, type_=pg.ARRAY(sa.Text)))
        return set(connection.scalars(sa.select(line.order_id).where(line.sku == one_of, line.waiting > 0)))


STORE = InventoryStore(_ITEMS, _RESERVATIONS, _MOVEMENTS, _RECEIPTS, _ADJUSTMENTS)
