"""Lists of orders: every filter finds exactly its orders, in their order and from an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from atlas.orders.v1 import order_pb2, order_service_pb2
from bench import many_orders
from bench.plans import Plan, plans_of
from chassis.application import Application
from chassis.errors import InvalidPageToken, Refusal
from chassis.paging import Pager
from chassis.values import time_message
from chassis.world import Actor
from order_svc.domain.order import Person, State
from order_svc.queries import OrderLists
from order_svc.store import orders
from tests.order_svc.builders import an_actor

COUNT, RARE, PAGE, PAGES = 12_000, 120, 10, 4
SELLER = an_actor(Person("issuer", many_orders.SELLER, "seller"))
AUDITOR = an_actor(Person("issuer", "auditor", "auditor"), "orders:read_all")
LISTS = OrderLists(Pager("a secret of this test"))
BACKORDERED, CONFIRMED = order_pb2.ORDER_STATE_BACKORDERED, order_pb2.ORDER_STATE_CONFIRMED
MIDDLE, LATER = many_orders.time_of(COUNT // 2), many_orders.time_of(COUNT // 2 + 500)

FILTERS: dict[str, dict[str, Any]] = {
    "no filter": {},
    "a state": {"state": [BACKORDERED]},
    "a state that nothing is in": {"state": [order_pb2.ORDER_STATE_PAYMENT_FAILED]},
    "several states": {"state": [BACKORDERED, CONFIRMED, BACKORDERED]},
    "a customer": {"customer_id": many_orders.CUSTOMER},
    "a customer and a state": {"customer_id": many_orders.CUSTOMER, "state": [BACKORDERED]},
    "a customer and several states": {"customer_id": many_orders.CUSTOMER, "state": [BACKORDERED, CONFIRMED]},
    "a reference": {"client_reference": many_orders.REFERENCE},
    "from a time": {"create_time_from": MIDDLE},
    "up to a time": {"create_time_to": MIDDLE},
    "a window": {"create_time_from": MIDDLE, "create_time_to": LATER},
    "a state in a window": {"create_time_from": MIDDLE, "create_time_to": LATER, "state": [BACKORDERED]},
    "a customer in a window": {"create_time_to": LATER, "customer_id": many_orders.CUSTOMER},
    "an empty window": {"create_time_from": MIDDLE, "create_time_to": MIDDLE},
}

# of his own orders only one can have a reference, so there is no order to keep
READ_IN_ORDER = [(name, actor) for name in FILTERS for actor in (AUDITOR, SELLER) if name != "a reference" or actor is AUDITOR]


def a_request(size: int = PAGE, token: str = "", **filters: Any) -> order_service_pb2.ListOrdersRequest:
    """A request for one page."""
    for name, value in filters.items():
        filters[name] = time_message(value) if isinstance(value, datetime) else value
    return order_service_pb2.ListOrdersRequest(page_size=size, page_token=token, **filters)


def matches(row: Any, filters: dict[str, Any], actor: Actor) -> bool:
    """Whether an order belongs to a list: the contract in plain words."""
    states = [order_pb2.OrderState.Name(state).removeprefix("ORDER_STATE_") for state in filters.get("state", ())]
    return (
        (actor.may("orders:read_all") or row.placed_by == actor.subject)
        and (not states or row.state in states)
        and filters.get("customer_id", row.customer_id) == row.customer_id
        and filters.get("client_reference", row.client_reference) == row.client_reference
        and filters.get("create_time_from", row.create_time) <= row.create_time
        and filters.get("create_time_to", row.create_time + timedelta(1)) > row.create_time
    )


@dataclass
class Shelf:
    """Many orders, and what is known of each."""

    database: sa.Engine
    rows: list[Any]

    def page(self, filters: dict[str, Any], actor: Actor, *, size: int = PAGE, token: str = "") -> tuple[list[str], str]:
        """One page: the ids, and the next token."""
        with self.database.begin() as connection:
            found = LISTS.list_orders(connection, a_request(size, token, **filters), actor)
        return [order.order_id for order in found.orders], found.next_page_token

    def plan(self, filters: dict[str, Any], actor: Actor, token: str) -> Plan:
        """How one page is read."""
        with self.database.begin() as connection:
            (plan,) = plans_of(connection, lambda: LISTS.list_orders(connection, a_request(PAGE, token, **filters), actor))
        return plan


@pytest.fixture(scope="module")
def shelf(order_service: Application) -> Iterator[Shelf]:
    """The service's table with many orders in it."""
    many_orders.fill(order_service.database, COUNT, RARE)
    columns = [orders.c[name] for name in ("order_id", "placed_by", "state", "customer_id", "client_reference", "create_time")]
    with order_service.database.begin() as connection:
        rows = list(connection.execute(sa.select(*columns).order_by(orders.c.create_time.desc())))
    yield Shelf(order_service.database, rows)
    with order_service.database.begin() as connection:
        connection.execute(sa.delete(orders))


@pytest.mark.parametrize("actor", [AUDITOR, SELLER], ids=["sees all", "sees his own"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_list_has_exactly_what_its_filter_says_newest_first(shelf: Shelf, name: str, actor: Actor) -> None:
    wanted = [row.order_id for row in shelf.rows if matches(row, FILTERS[name], actor)]
    token = ""
    for start in range(0, PAGES * PAGE, PAGE):
        found, token = shelf.page(FILTERS[name], actor, token=token)
        assert found == wanted[start : start + PAGE]
        assert bool(token) == (len(wanted) > start + PAGE)
        if not token:
            break


@pytest.mark.parametrize(("name", "actor"), READ_IN_ORDER)
def test_a_page_is_read_from_an_index_without_a_sort_and_no_further_than_it_reaches(
    shelf: Shelf, name: str, actor: Actor
) -> None:
    _, token = shelf.page(FILTERS[name], actor)
    for start in {"", token}:
        plan = shelf.plan(FILTERS[name], actor, start)
        assert (plan.scans, plan.rows_sorted) == ((), 0)
        assert plan.indexes
        assert plan.rows_read <= 2 * (PAGE + 1 + len(State))


def _token(shelf: Shelf, actor: Actor = AUDITOR, **filters: Any) -> str:
    return shelf.page(filters, actor)[1]


def test_a_token_works_for_its_list_filter_and_caller_only(shelf: Shelf) -> None:
    token = _token(shelf, state=[BACKORDERED])
    assert len(shelf.page({"state": [BACKORDERED]}, AUDITOR, size=3, token=token)[0]) == 3
    for filters, actor, other in (
        ({"state": [CONFIRMED]}, AUDITOR, token),
        ({"state": [BACKORDERED], "create_time_from": MIDDLE}, AUDITOR, token),
        ({"state": [BACKORDERED]}, SELLER, token),
        ({"state": [BACKORDERED]}, AUDITOR, "garbage"),
        ({"state": [BACKORDERED]}, AUDITOR, token[:-1]),
    ):
        with pytest.raises(InvalidPageToken) as refused:
            shelf.page(filters, actor, token=other)
        assert [broken.field for broken in refused.value.violations] == ["page_token"]


def test_a_window_that_ends_before_it_begins_is_refused(shelf: Shelf) -> None:
    with pytest.raises(Refusal) as refused:
        shelf.page({"create_time_from": LATER, "create_time_to": MIDDLE}, AUDITOR)
    assert (refused.value.reason, [broken.field for broken in refused.value.violations]) == (
        "VALIDATION_FAILED",
        ["create_time_to"],
    )
    assert refused.value.hint
