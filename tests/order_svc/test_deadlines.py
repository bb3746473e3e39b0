"""The timer of an order, on a real database: one a placed order, moved while it waits, gone when it waits for nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from atlas.orders.v1 import order_pb2, order_service_pb2
from chassis.application import Application
from chassis.clock import ManualClock
from chassis.tables import timer
from order_svc.domain.order import DAY
from order_svc.reactions import DEADLINE
from tests.order_svc.builders import a_place_request
from tests.order_svc.client import Client


async def _placed(client: Client) -> str:
    response: order_service_pb2.PlaceOrderResponse = await client("PlaceOrder", a_place_request())
    return response.order.order_id


def _due(service: Application, order_id: str) -> datetime | None:
    statement = sa.select(timer.c.due_time).where(timer.c.kind == DEADLINE, timer.c.key == order_id)
    with service.database.connect() as connection:
        return connection.execute(statement).scalar_one_or_none()


def _pass(service: Application, days: int) -> datetime:
    """Let days pass, and everything that is due be worked."""
    clock: Any = service.service.clock
    assert isinstance(clock, ManualClock)
    clock.advance(days * DAY)
    while service.timers.step():
        pass
    return clock.now()


async def test_an_order_that_nobody_answers_is_given_up_after_a_week(client: Client, order_service: Application) -> None:
    order_id = await _placed(client)
    placed = order_service.service.clock.now()
    assert _due(order_service, order_id) == placed + 7 * DAY
    _pass(order_service, 6)
    assert _due(order_service, order_id) == placed + 7 * DAY
    _pass(order_service, 1)
    order = (await client("GetOrder", order_service_pb2.GetOrderRequest(order_id=order_id))).order
    assert (order.state, order.cancel_reason) == (order_pb2.ORDER_STATE_CANCELLED, order_pb2.CANCEL_REASON_ANSWER_EXPIRED)
    assert not order.HasField("deadline_time")
    assert _due(order_service, order_id) is None


async def test_the_timer_of_a_cancelled_order_goes_by_itself(client: Client, order_service: Application) -> None:
    order_id = await _placed(client)
    reason = order_pb2.CANCEL_REASON_OTHER
    await client("CancelOrder", order_service_pb2.CancelOrderRequest(order_id=order_id, reason=reason))
    _pass(order_service, 7)
    order = (await client("GetOrder", order_service_pb2.GetOrderRequest(order_id=order_id))).order
    assert (order.cancel_reason, order.version) == (reason, 2)
    assert _due(order_service, order_id) is None
