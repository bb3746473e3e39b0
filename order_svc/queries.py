"""The reads of order_svc: SQL to response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from atlas.orders.v1 import fulfillment_pb2, order_service_pb2, price_pb2, quote_pb2
from chassis.calls import visible_to
from chassis.clock import Clock
from chassis.errors import NotFound
from chassis.paging import Pager, window
from chassis.world import Actor, Row
from order_svc import lookups, price_wire, resources, wire
from order_svc.domain.errors import OrderNotFound, PriceNotFound
from order_svc.domain.order import State
from order_svc.domain.price_list import hold_to_list
from order_svc.store import fulfillment, fulfillment_from, order_from, orders, price, price_from


def _row(row: Any, aggregate: Any) -> Row[Any]:
    return Row(aggregate, row.version, create_time=row.create_time, update_time=row.update_time)


def get_order(
    connection: sa.Connection, request: order_service_pb2.GetOrderRequest, actor: Actor
) -> order_service_pb2.GetOrderResponse:
    """Read one order that the caller may see."""
    row = _find(connection, request.order_id, actor)
    return order_service_pb2.GetOrderResponse(order=resources.order_message(_row(row, order_from(row))))


def _find(connection: sa.Connection, order_id: str, actor: Actor) -> sa.Row[Any]:
    statement = sa.select(orders).where(orders.c.order_id == order_id, *visible_to(actor, orders.c.placed_by))
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise OrderNotFound(order_id)
    return row


class Quotes:
    """Prices that depend on the time they are asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def quote_order(
        self, connection: sa.Connection, request: quote_pb2.QuoteOrderRequest, actor: Actor
    ) -> quote_pb2.QuoteOrderResponse:
        """Price an order as PlaceOrder would now, and refuse what it would refuse."""
        lines = wire.lines(request)
        if not lookups.may_set_prices(actor):
            hold_to_list(lines, lookups.listed_at(connection, lines, self._clock.now()))
        return wire.quoted(lines)


class OrderLists:
    """The lists, which page."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def list_orders(
        self, connection: sa.Connection, request: order_service_pb2.ListOrdersRequest, actor: Actor
    ) -> order_service_pb2.ListOrdersResponse:
        """List orders that the caller may see, newest first."""
        branches = _branches(request, (*visible_to(actor, orders.c.placed_by), *_filters(request)))
        page = self._pager.page(request, actor)
        rows, token = page.merge(connection, branches, orders.c.create_time.desc(), orders.c.order_id.desc())
        messages = [resources.order_message(_row(row, order_from(row))) for row in rows]
        return order_service_pb2.ListOrdersResponse(orders=messages, next_page_token=token)

    def list_fulfillments(
        self, connection: sa.Connection, request: fulfillment_pb2.ListFulfillmentsRequest, actor: Actor
    ) -> fulfillment_pb2.ListFulfillmentsResponse:
        """List the fulfillments of an order that the caller may see, newest first."""
        _find(connection, request.order_id, actor)
        statement = sa.select(fulfillment).where(fulfillment.c.order_id == request.order_id)
        page = self._pager.page(request, actor)
        order = (fulfillment.c.create_time.desc(), fulfillment.c.fulfillment_id.desc())
        rows, token = page.select(connection, statement, *order)
        messages = [resources.fulfillment_message(_row(row, fulfillment_from(row))) for row in rows]
        return fulfillment_pb2.ListFulfillmentsResponse(fulfillments=messages, next_page_token=token)


def _branches(request: order_service_pb2.ListOrdersRequest, terms: Sequence[sa.ColumnElement[bool]]) -> list[sa.Select[Any]]:
    """Split the list by state, which every index of orders has before the time (ADR 0020).

    A reference needs no split: no more orders have one than there are callers who chose it.
    """
    wanted = [wire.state(value) for value in dict.fromkeys(request.state)] or list(State)
    if request.HasField("client_reference"):
        return [sa.select(orders).where(orders.c.state.in_(wanted), *terms)]
    return [sa.select(orders).where(orders.c.state == state, *terms) for state in wanted]


def _filters(request: order_service_pb2.ListOrdersRequest) -> list[sa.ColumnElement[bool]]:
    terms: list[sa.ColumnElement[bool]] = []
    if request.HasField("customer_id"):
        terms.append(orders.c.customer_id == request.customer_id)
    if request.HasField("client_reference"):
        terms.append(orders.c.client_reference == request.client_reference)
    return [*terms, *window(request, "create_time", orders.c.create_time)]


def get_fulfillment(
    connection: sa.Connection, request: fulfillment_pb2.GetFulfillmentRequest, actor: Actor
) -> fulfillment_pb2.GetFulfillmentResponse:
    """Read one fulfillment of an order that the caller may see."""
    _find(connection, request.order_id, actor)
    statement = sa.select(fulfillment).where(
        fulfillment.c.order_id == request.order_id, fulfillment.c.fulfillment_id == request.fulfillment_id
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"order {request.order_id} has no fulfillment {request.fulfillment_id}")
    message = resources.fulfillment_message(_row(row, fulfillment_from(row)))
    return fulfillment_pb2.GetFulfillmentResponse(fulfillment=message)


class PriceLists:
    """The list of prices, which pages."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def list_prices(
        self, connection: sa.Connection, request: price_pb2.ListPricesRequest, actor: Actor
    ) -> price_pb2.ListPricesResponse:
        """List prices, the one made last first."""
        statement = sa.select(price).where(*((price.c.sku == request.sku,) if request.HasField("sku") else ()))
        page = self._pager.page(request, actor)
        rows, token = page.select(connection, statement, price.c.create_time.desc(), price.c.price_id.desc())
        messages = [price_wire.price_message(_row(row, price_from(row))) for row in rows]
        return price_pb2.ListPricesResponse(prices=messages, next_page_token=token)


def get_price(connection: sa.Connection, request: price_pb2.GetPriceRequest, _actor: Actor) -> price_pb2.GetPriceResponse:
    """Read one price."""
    row = connection.execute(sa.select(price).where(price.c.price_id == request.price_id)).one_or_none()
    if row is None:
        raise PriceNotFound(request.price_id)
    return price_pb2.GetPriceResponse(price=price_wire.price_message(_row(row, price_from(row))))
