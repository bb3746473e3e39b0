"""Prefer: wait=N — answers an order command when the order waits for a person or a timer, or after N seconds as it is."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from atlas.orders.v1 import cancellation_pb2, order_pb2, order_service_pb2
from chassis.calls import Queries, current_call
from order_svc import queries

POLL_SECONDS = 0.05
R = TypeVar(
    "R",
    order_service_pb2.PlaceOrderResponse,
    order_service_pb2.CancelOrderResponse,
    cancellation_pb2.CancelRemainingResponse,
)

_MOVING = (order_pb2.ORDER_STATE_PLACED, order_pb2.ORDER_STATE_RESERVED, order_pb2.ORDER_STATE_AWAITING_PAYMENT)


class Waiting:
    """Waits after the commit, by reading; the command's own transaction is long over."""

    def __init__(self, reads: Queries) -> None:
        self._reads = reads

    async def for_rest(self, response: R) -> R:
        """Answer with the order once it is at rest, or as it is after the time the caller is willing to wait."""
        return type(response)(order=await self._at_rest(response.order))

    async def _at_rest(self, order: order_pb2.Order) -> order_pb2.Order:
        seconds = current_call.get().wait_seconds
        if not seconds:
            return order
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        request = order_service_pb2.GetOrderRequest(order_id=order.order_id)
        while not is_at_rest(order) and loop.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            order = (await self._reads.run(queries.get_order, request)).order
        return order


def is_at_rest(order: order_pb2.Order) -> bool:
    """Whether nothing moves the order but a person, a delivery or a timer."""
    if order.HasField("settlement"):
        return order.settlement != order_pb2.SETTLEMENT_PENDING
    return order.state not in _MOVING
