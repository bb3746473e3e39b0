"""The reads of inventory_svc: SQL to response."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from atlas.inventory.v1 import reservation_pb2, stock_pb2
from chassis.calls import visible_to
from chassis.errors import NotFound
from chassis.paging import Pager
from chassis.world import Actor, Row
from inventory_svc import wire
from inventory_svc.store import (
    Uuid,
    item_from,
    receipt,
    receipt_from,
    reservation,
    reservation_from,
    reservation_line,
    stock_item,
)


def _row(row: Any, aggregate: Any) -> Row[Any]:
    return Row(aggregate, row.version, create_time=row.create_time, update_time=row.update_time)


def get_item(connection: sa.Connection, request: stock_pb2.GetItemRequest, actor: Actor) -> stock_pb2.GetItemResponse:
    """Read one item."""
    row = connection.execute(sa.select(stock_item).where(stock_item.c.sku == request.sku)).one_or_none()
    if row is None:
        raise NotFound(f"there is no item {request.sku}")
    return stock_pb2.GetItemResponse(item=wire.item_message(_row(row, item_from(row))))


def get_receipt(connection: sa.Connection, request: stock_pb2.GetReceiptRequest, actor: Actor) -> stock_pb2.GetReceiptResponse:
    """Read one receipt."""
    row = connection.execute(sa.select(receipt).where(receipt.c.receipt_id == request.receipt_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no receipt {request.receipt_id}")
    return stock_pb2.GetReceiptResponse(receipt=wire.receipt_message(_row(row, receipt_from(row))))


def get_reservation(
    connection: sa.Connection, request: reservation_pb2.GetReservationRequest, actor: Actor
) -> reservation_pb2.GetReservationResponse:
    """Read the reservation of an order that the caller may see."""
    mine = visible_to(actor, reservation.c.placed_by)
    statement = sa.select(reservation).where(reservation.c.order_id == request.order_id, *mine)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no reservation for order {request.order_id}")
    (message,) = _reservation_messages(connection, [row])
    return reservation_pb2.GetReservationResponse(reservation=message)


def _one_of(column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam(None, list(values), type_=pg.ARRAY(Uuid), unique=True))


def _reservation_messages(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[reservation_pb2.Reservation]:
    """Write reservations with their lines, which are read with one statement."""
    lines: dict[str, list[Any]] = defaultdict(list)
    columns = reservation_line.c
    statement = sa.select(reservation_line).where(_one_of(columns.order_id, [row.order_id for row in rows]))
    for line in connection.execute(statement.order_by(columns.order_id, columns.line_number)) if rows else ():
        lines[line.order_id].append(line)
    return [wire.reservation_message(_row(row, reservation_from(row, [lines[row.order_id]]))) for row in rows]


class InventoryLists:
    """The lists, which page."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def list_items(
        self, connection: sa.Connection, request: stock_pb2.ListItemsRequest, actor: Actor
    ) -> stock_pb2.ListItemsResponse:
        """List items, newest first."""
        page = self._pager.page(request, actor)
        order = (stock_item.c.create_time.desc(), stock_item.c.sku.desc())
        rows, token = page.select(connection, sa.select(stock_item), *order)
        messages = [wire.item_message(_row(row, item_from(row))) for row in rows]
        return stock_pb2.ListItemsResponse(items=messages, next_page_token=token)

    def list_receipts(
        self, connection: sa.Connection, request: stock_pb2.ListReceiptsRequest, actor: Actor
    ) -> stock_pb2.ListReceiptsResponse:
        """List receipts, newest first."""
        statement = sa.select(receipt)
        if request.HasField("reference"):
            statement = statement.where(receipt.c.reference == request.reference)
        page = self._pager.page(request, actor)
        rows, token = page.select(connection, statement, receipt.c.create_time.desc(), receipt.c.receipt_id.desc())
        messages = [wire.receipt_message(_row(row, receipt_from(row))) for row in rows]
        return stock_pb2.ListReceiptsResponse(receipts=messages, next_page_token=token)

    def list_reservations(
        self, connection: sa.Connection, request: reservation_pb2.ListReservationsRequest, actor: Actor
    ) -> reservation_pb2.ListReservationsResponse:
        """List the reservations of orders that the caller may see, newest first."""
        statement = sa.select(reservation).where(*visible_to(actor, reservation.c.placed_by))
        if request.HasField("order_id"):
            statement = statement.where(reservation.c.order_id == request.order_id)
        if request.state:
            statement = statement.where(reservation.c.state.in_([wire.state_name(state) for state in request.state]))
        page = self._pager.page(request, actor)
        order = (reservation.c.create_time.desc(), reservation.c.order_id.desc())
        rows, token = page.select(connection, statement, *order)
        messages = _reservation_messages(connection, rows)
        return reservation_pb2.ListReservationsResponse(reservations=messages, next_page_token=token)

    def list_backorders(
        self, connection: sa.Connection, request: reservation_pb2.ListBackordersRequest, actor: Actor
    ) -> reservation_pb2.ListBackordersResponse:
        """List the waiting lines of orders that the caller may see, by item and in queue order."""
        queue = _queue(request.sku if request.HasField("sku") else None)
        page = self._pager.page(request, actor)
        statement = sa.select(queue).where(*visible_to(actor, queue.c.placed_by))
        order = [queue.c[name].asc() for name in ("sku", "turn", "place_time", "order_id", "line_number")]
        rows, token = page.select(connection, statement, *order)
        holds = _mutual_holds(connection, [row.order_id for row in rows], actor)
        messages = [wire.backorder_message(row, holds[row.order_id, row.line_number]) for row in rows]
        return reservation_pb2.ListBackordersResponse(backorders=messages, next_page_token=token)


def _queue(sku: str | None) -> sa.Subquery:
    """Every waiting line with its place in the queue of its item; `turn` orders priorities, the highest first."""
    line, order = reservation_line.c, reservation.c
    turn = (-order.priority).label("turn")
    place = sa.func.row_number().over(partition_by=line.sku, order_by=(turn, order.place_time, line.order_id, line.line_number))
    about = (order.place_time, order.placed_by, order.version, order.create_time, order.update_time)
    statement = (
        sa.select(line.order_id, line.line_number, line.sku, line.waiting, turn, place.label("queue_position"), *about)
        .join(reservation, order.order_id == line.order_id)
        .where(line.waiting > 0)
    )
    return (statement.where(line.sku == sku) if sku is not None else statement).subquery("queue")


def _mutual_holds(connection: sa.Connection, order_ids: Sequence[str], actor: Actor) -> defaultdict[tuple[str, int], list[str]]:
    """Return, for waiting lines of these orders, who holds what they miss and misses what their order holds."""
    miss, hold = reservation_line.alias("miss").c, reservation_line.alias("hold").c
    their_miss, my_hold = reservation_line.alias("their_miss").c, reservation_line.alias("my_hold").c
    in_return = sa.exists().where(
        their_miss.order_id == hold.order_id,
        their_miss.waiting > 0,
        my_hold.sku == their_miss.sku,
        my_hold.order_id == miss.order_id,
        my_hold.held > 0,
    )
    statement = (
        sa.select(miss.order_id, miss.line_number, hold.order_id.label("other"))
        .distinct()
        .where(_one_of(miss.order_id, order_ids), miss.waiting > 0)
        .where(hold.sku == miss.sku, hold.held > 0, hold.order_id != miss.order_id, in_return)
        .where(reservation.c.order_id == hold.order_id, *visible_to(actor, reservation.c.placed_by))
        .order_by(miss.order_id, miss.line_number, hold.order_id)
    )
    found: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for row in connection.execute(statement) if order_ids else ():
        found[row.order_id, row.line_number].append(row.other)
    return found
