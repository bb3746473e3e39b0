"""How items, movements, receipts, adjustments and reservations are kept, and how the queue of a SKU is loaded.

Lock order: SKUs ascending, then orders ascending, then announcements. Every change of what a line holds or misses locks its
SKU first, so the queue of a locked SKU stands still while its orders are being locked. Who takes all or nothing needs stock
of other SKUs too: these are looked up before the first lock, and locked in the same order.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.errors import Conflict
from chassis.money import Money
from chassis.store import Child, Columns, Mapping, Store
from chassis.tables import Time, aggregate_columns
from chassis.world import Keys, World
from inventory_svc import announcements, backlog, holders
from inventory_svc.domain.adjustment import Adjustment, AdjustmentLine, Holders
from inventory_svc.domain.announcement import Expected, OpenAnnouncement
from inventory_svc.domain.backorder import Hold, Place, Queue
from inventory_svc.domain.reservation import Line, LineCancellation, Placing, Reservation, Shipment
from inventory_svc.domain.stock import Movement, MovementReason, Receipt, ReceiptLine, StockItem
from inventory_svc.outlook import OUTLOOK, QueueReader

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
    sa.Column("backordered_whole", sa.BigInteger, nullable=False, comment="of these, by orders that take all or nothing"),
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
    sa.Column("prioritize_time", Time, comment="when its place in the queue was last changed"),
    sa.Column("waits_whole", sa.Boolean, nullable=False, comment="takes stock only when that completes it"),
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
    sa.Column("take_time", Time, comment="when it last took units"),
    sa.Column("turn", sa.SmallInteger, nullable=False, comment="minus the order's priority: the queue is in ascending order"),
    sa.Column("place_time", Time, nullable=False, comment="the order's"),
    sa.Column("is_whole", sa.Boolean, nullable=False, comment="the order's waits_whole"),
    sa.Column("is_queued", sa.Boolean, nullable=False, comment="whether the order waits for anything"),
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
        "backordered_whole": item.backordered_whole,
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
        backordered_whole=row.backordered_whole,
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
        "prioritize_time": value.prioritize_time,
        "waits_whole": value.waits_whole,
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
        prioritize_time=row.prioritize_time,
        waits_whole=row.waits_whole,
        lines=tuple(Line(r.line_number, r.sku, r.quantity, r.held, r.shipped, r.cancelled, r.take_time) for r in children[0]),
        has_unknown_item=row.has_unknown_item,
        is_confirmed=row.is_confirmed,
        is_cancelled=row.is_cancelled,
        shipments=tuple(Shipment(i, tuple((n, u) for n, u in parts), done) for i, parts, done in row.shipments),
        cancellations=tuple(LineCancellation(i, tuple((n, u) for n, u in parts), done) for i, parts, done in row.cancellations),
    )


def _line_columns(value: Reservation) -> list[Columns]:
    if not value.lines:
        return []
    turn, place_time, _ = value.queue_place
    order = {"turn": turn, "place_time": place_time, "is_whole": value.waits_whole, "is_queued": bool(value.waiting)}
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
            "take_time": line.take_time,
            **order,
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
        """Lock and load the SKUs, then the named and the waiting orders. A whole order that came meanwhile: Conflict."""
        holds, places = _named(keys, Hold), _named(keys, Place)
        given = _skus_of(connection, holds)
        queues = _named(keys, Queue) | given
        skus = _named(keys, StockItem) | given | _needed_by_whole_orders(connection, queues)
        world = super().load(connection, frozenset((StockItem, sku) for sku in skus))
        orders = sorted(_named(keys, Reservation) | holds | places | _waiting(connection, queues))
        if orders:
            self.load_kind(connection, world, _RESERVATIONS, orders)
        if any(_lacks(order, skus, queues, holds) for order in world.all(Reservation)):
            raise Conflict(reservation.name)
        backlog.remember(world, places)
        self._load_announced(connection, world, keys)
        if held := _named(keys, Holders):
            world.extra[holders.EXTRA] = holders.look_up(connection, sorted(held))
        return world

    def _load_announced(self, connection: sa.Connection, world: World, keys: Keys) -> None:
        """Lock and load what is announced under the named references, and read what should come of the named SKUs."""
        references, expected = _named(keys, OpenAnnouncement), _named(keys, Expected)
        if references:
            announcements.lock_references(connection, references)
            known = announcements.open_ids(connection, references)
            if known:
                self.load_kind(connection, world, announcements.ANNOUNCEMENTS, sorted(known.values()))
            announcements.remember(world, known)
        if expected:
            world.extra[OUTLOOK] = QUEUES.expected(connection, world, expected)


def _named(keys: Keys, named: type) -> set[str]:
    return {key for kind, key in keys if kind is named}


def _lacks(order: Reservation, skus: set[str], queues: set[str], holds: set[str]) -> bool:
    """Whether a SKU of an order that may give or take all of it at once is not locked."""
    if order.order_id in holds:
        return any(line.sku not in skus for line in order.lines)
    return order.waits_whole and order.waits_for(queues) and any(sku not in skus for sku in order.needs)


def _among(column: sa.ColumnElement[Any], values: set[str]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam(None, sorted(values), type_=pg.ARRAY(column.type), unique=True))


def _waiting(connection: sa.Connection, skus: set[str]) -> set[str]:
    """Return the orders that wait for one of these SKUs, whose rows are locked."""
    line = reservation_line.c
    return set(connection.scalars(sa.select(line.order_id).where(_among(line.sku, skus), line.waiting > 0))) if skus else set()


def _skus_of(connection: sa.Connection, order_ids: set[str]) -> set[str]:
    """Return the SKUs of orders; they never change once an order is placed."""
    line = reservation_line.c
    return set(connection.scalars(sa.select(line.sku).where(_among(line.order_id, order_ids)))) if order_ids else set()


def _needed_by_whole_orders(connection: sa.Connection, queues: set[str]) -> set[str]:
    """Return the SKUs that those miss who wait for one of these SKUs and take all or nothing."""
    if not queues:
        return set()
    mine, other = reservation_line.c, reservation_line.alias("other").c
    waits = sa.exists().where(other.order_id == mine.order_id, _among(other.sku, queues), other.waiting > 0, other.is_whole)
    return set(connection.scalars(sa.select(mine.sku).distinct().where(mine.is_whole, mine.waiting > 0, waits)))


QUEUES = QueueReader(stock_item, reservation_line)
STORE = InventoryStore(_ITEMS, _RESERVATIONS, _MOVEMENTS, _RECEIPTS, _ADJUSTMENTS, announcements.ANNOUNCEMENTS)
