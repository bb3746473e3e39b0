"""Adjustments and movements as a client sees them."""

from __future__ import annotations

from typing import Any

from atlas.inventory.v1 import adjustment_pb2, movement_pb2, stock_pb2
from chassis.money import Money
from chassis.values import money_message, time_message
from chassis.world import Row, World
from inventory_svc.domain.adjustment import Adjustment
from inventory_svc.wire import enum_value, stamps


def adjustment_message(row: Row[Adjustment]) -> adjustment_pb2.Adjustment:
    """Write an adjustment. Nobody has to approve one, so all that exist are applied."""
    adjustment = row.aggregate
    return adjustment_pb2.Adjustment(
        adjustment_id=adjustment.adjustment_id,
        state=adjustment_pb2.ADJUSTMENT_STATE_APPLIED,
        reason=enum_value(adjustment_pb2.AdjustmentReason, "ADJUSTMENT_REASON", adjustment.reason),
        comment=adjustment.comment,
        lines=[adjustment_pb2.AdjustmentLine(sku=line.sku, quantity=line.quantity) for line in adjustment.lines],
        completed_order_ids=adjustment.completed_order_ids,
        **stamps(row),
    )


def movement_message(row: Any) -> movement_pb2.Movement:
    """Write a movement from its row, which has the currency of its item's cost beside it."""
    return movement_pb2.Movement(
        movement_id=row.movement_id,
        sku=row.sku,
        movement_number=row.movement_number,
        quantity=row.quantity,
        reason=enum_value(stock_pb2.MovementReason, "MOVEMENT_REASON", row.reason),
        source_id=row.source_id,
        on_hand_after=row.on_hand_after,
        unit_cost=money_message(Money(row.cost_currency, row.unit_cost_minor_units)),
        value_change=money_message(Money(row.cost_currency, row.value_change_minor_units)),
        version=row.version,
        create_time=time_message(row.create_time),
        update_time=time_message(row.update_time),
    )


def adjusted(world: World, adjustment: Adjustment) -> adjustment_pb2.AdjustStockResponse:
    """Answer AdjustStock."""
    return adjustment_pb2.AdjustStockResponse(adjustment=adjustment_message(world.row(adjustment)))
