"""Which orders are at rest for Prefer: wait=N (api.md)."""

from __future__ import annotations

import pytest

from atlas.orders.v1 import order_pb2
from order_svc.waiting import is_at_rest

AT_REST = {"BACKORDERED", "PAYMENT_FAILED", "AWAITING_APPROVAL", "CONFIRMED", "PARTIALLY_FULFILLED", "FULFILLED"}
MOVING = {"PLACED", "RESERVED", "AWAITING_PAYMENT"}


@pytest.mark.parametrize("state", sorted(AT_REST | MOVING))
def test_an_order_is_at_rest_where_only_people_or_timers_move_it(state: str) -> None:
    order = order_pb2.Order(state=order_pb2.OrderState.Value(f"ORDER_STATE_{state}"))
    assert is_at_rest(order) == (state in AT_REST)


@pytest.mark.parametrize(("settlement", "rests"), [("PENDING", False), ("SETTLED", True), ("FAILED", True)])
def test_a_cancelled_order_is_at_rest_once_it_is_settled_or_stuck(settlement: str, rests: bool) -> None:
    order = order_pb2.Order(
        state=order_pb2.ORDER_STATE_CANCELLED, settlement=order_pb2.Settlement.Value(f"SETTLEMENT_{settlement}")
    )
    assert is_at_rest(order) == rests


def test_every_state_is_one_or_the_other() -> None:
    named = {value.name.removeprefix("ORDER_STATE_") for value in order_pb2.OrderState.DESCRIPTOR.values if value.number}
    assert named == AT_REST | MOVING | {"CANCELLED"}
