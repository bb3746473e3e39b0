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
