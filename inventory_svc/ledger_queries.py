"""The reads of adjustments and movements: SQL to response."""

from __future__ import annotations

import sqlalchemy as sa

from atlas.inventory.v1 import adjustment_pb2, movement_pb2
from chassis.errors import NotFound
from chassis.paging import Pager
from chassis.world import Actor, Row
from inventory_svc.domain.adjustment import Adjustment
from inventory_svc.ledger_resources import adjustment_message, movement_message
from inventory_svc.store import adjustment, adjustment_from, stock_item, stock_movement


def _adjustment(row: sa.Row[tuple[object, ...]]) -> adjustment_pb2.Adjustment:
    known: Row[Adjustment] = Row(adjustment_from(row), row.version, create_time=row.create_time, update_time=row.update_time)
    return adjustment_message(known)


def get_adjustment(
    connection: sa.Connection, request: adjustment_pb2.GetAdjustmentRequest, actor: Actor
) -> adjustment_pb2.GetAdjustmentResponse:
    """Read one adjustment."""
    statement = sa.select(adjustment).where(adjustment.c.adjustment_id == request.adjustment_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no adjustment {request.adjustment_id}")
    return adjustment_pb2.GetAdjustmentResponse(adjustment=_adjustment(row))


class LedgerLists:
    """The lists of the stock ledger, which page."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def list_adjustments(
        self, connection: sa.Connection, request: adjustment_pb2.ListAdjustmentsRequest, actor: Actor
    ) -> adjustment_pb2.ListAdjustmentsResponse:
        """List adjustments, newest first."""
        page = self._pager.page(request, actor)
        order = (adjustment.c.create_time.desc(), adjustment.c.adjustment_id.desc())
        rows, token = page.select(connection, sa.select(adjustment), *order)
        return adjustment_pb2.ListAdjustmentsResponse(adjustments=[_adjustment(row) for row in rows], next_page_token=token)

    def list_movements(
        self, connection: sa.Connection, request: movement_pb2.ListMovementsRequest, actor: Actor
    ) -> movement_pb2.ListMovementsResponse:
        """List the movements of an item, newest first; NotFound where there is no such item."""
        page = self._pager.page(request, actor)
        item, movement = stock_item.c, stock_movement.c
        currency = connection.scalar(sa.select(item.cost_currency).where(item.sku == request.sku))
        if currency is None:
            raise NotFound(f"there is no item {request.sku}")
        statement = sa.select(stock_movement, sa.literal(currency).label("cost_currency"))
        statement = statement.where(movement.sku == request.sku)
        rows, token = page.select(connection, statement, movement.movement_number.desc())
        return movement_pb2.ListMovementsResponse(movements=[movement_message(row) for row in rows], next_page_token=token)
