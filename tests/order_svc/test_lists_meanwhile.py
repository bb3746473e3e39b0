"""Pages of orders hold while others place orders: nothing that was there is left out, nothing comes twice."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from atlas.orders.v1 import order_service_pb2
from chassis.application import Application
from chassis.command_handling import CommandCall, run_commands
from chassis.envelope import Cause
from chassis.idempotency import KeyedRequest, hash_request
from chassis.paging import Pager
from order_svc.queries import OrderLists
from tests.order_svc.builders import PLACE_ORDER, STRANGER, a_place_request, an_actor

READER = an_actor(STRANGER, "orders:read_all", "orders:price")
LISTS = OrderLists(Pager("a secret of this test"))


def test_orders_that_arrive_meanwhile_cause_no_gap_and_no_repetition(order_service: Application) -> None:
    """The clock stands still, so that new orders come to lie anywhere among those of the page."""
    writer = Writer(order_service)
    before = writer.place(120)
    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(writer.place_one_by_one, 60) for _ in range(4)]
        lists = [_read_all(order_service, filters) for filters in ({}, {"state": [1, 2]}, {"customer_id": "cust-1"})]
        arrived = {order_id for writing in busy for order_id in writing.result()}
    assert len(arrived) == 240
    for found in lists:
        assert len(found) == len(set(found))
        assert before <= set(found) <= before | arrived
    assert _read_all(order_service, {}) == sorted(before | arrived, reverse=True)


def _read_all(service: Application, filters: dict[str, Any]) -> list[str]:
    found: list[str] = []
    token = ""
    while token or not found:
        request = order_service_pb2.ListOrdersRequest(page_size=7, page_token=token, **filters)
        with service.database.begin() as connection:
            page = LISTS.list_orders(connection, request, READER)
        found += [order.order_id for order in page.orders]
        token = page.next_page_token
    return found


@dataclass
class Writer:
    """Places orders of one customer, as the service does for callers."""

    service: Application

    def place(self, number: int) -> set[str]:
        """Place so many in one batch; their ids."""
        request = a_place_request()
        keyed = [KeyedRequest("writer", "PlaceOrder", str(uuid.uuid4()), hash_request(request)) for _ in range(number)]
        cause = Cause("corr", "request", "00-" + "1" * 32 + "-" + "2" * 16 + "-01", READER)
        calls = [CommandCall(PLACE_ORDER, PLACE_ORDER.parse(request), key, cause) for key in keyed]
        answers: list[Any] = [answer.response for answer in run_commands(self.service.service, calls)]
        return {answer.order.order_id for answer in answers}

    def place_one_by_one(self, number: int) -> set[str]:
        """Place so many, each in a transaction of its own; their ids."""
        return {order_id for _ in range(number) for order_id in self.place(1)}
