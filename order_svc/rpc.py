"""The gRPC servicers of orders and prices: parse, submit, encode."""

from __future__ import annotations

from typing import Any, cast

import grpc.aio

from atlas.orders.v1 import (
    cancellation_pb2,
    fulfillment_pb2,
    order_service_pb2,
    order_service_pb2_grpc,
    price_pb2,
    price_service_pb2,
    price_service_pb2_grpc,
    quote_pb2,
)
from chassis.application import Edge
from chassis.grpc_server import Servicer
from order_svc import queries
from order_svc.commands import CANCEL_ORDER, CANCEL_REMAINING, FULFILL_ORDER, SET_PRICE, place_order_command
from order_svc.settings import Settings
from order_svc.waiting import Waiting

Context = grpc.aio.ServicerContext[Any, Any]


class OrderServicer(order_service_pb2_grpc.OrderServiceServicer):
    """Serves atlas.orders.v1.OrderService."""

    def __init__(self, edge: Edge) -> None:
        self._commands = edge.commands
        self._queries = edge.queries
        self._lists = queries.OrderLists(edge.pager)
        self._quotes = queries.Quotes(edge.service.clock)
        self._waiting = Waiting(edge.queries)
        self._place_order = place_order_command(cast(Settings, edge.settings).deadlines)

    async def PlaceOrder(
        self, request: order_service_pb2.PlaceOrderRequest, context: Context
    ) -> order_service_pb2.PlaceOrderResponse:
        """Place an order."""
        response: order_service_pb2.PlaceOrderResponse = await self._commands.submit(
            self._place_order, request, context, then=self._waiting.for_rest
        )
        return response

    async def QuoteOrder(self, request: quote_pb2.QuoteOrderRequest, context: Context) -> quote_pb2.QuoteOrderResponse:
        """Price an order without placing it."""
        return await self._queries.run(self._quotes.quote_order, request)

    async def GetOrder(
        self, request: order_service_pb2.GetOrderRequest, context: Context
    ) -> order_service_pb2.GetOrderResponse:
        """Read one order."""
        return await self._queries.run(queries.get_order, request)

    async def ListOrders(
        self, request: order_service_pb2.ListOrdersRequest, context: Context
    ) -> order_service_pb2.ListOrdersResponse:
        """List orders."""
        return await self._queries.run(self._lists.list_orders, request)

    async def CancelOrder(
        self, request: order_service_pb2.CancelOrderRequest, context: Context
    ) -> order_service_pb2.CancelOrderResponse:
        """Cancel an order."""
        response: order_service_pb2.CancelOrderResponse = await self._commands.submit(
            CANCEL_ORDER, request, context, then=self._waiting.for_rest
        )
        return response

    async def CancelRemaining(
        self, request: cancellation_pb2.CancelRemainingRequest, context: Context
    ) -> cancellation_pb2.CancelRemainingResponse:
        """Cancel what remains of a partially shipped order."""
        response: cancellation_pb2.CancelRemainingResponse = await self._commands.submit(
            CANCEL_REMAINING, request, context, then=self._waiting.for_rest
        )
        return response

    async def FulfillOrder(
        self, request: fulfillment_pb2.FulfillOrderRequest, context: Context
    ) -> fulfillment_pb2.FulfillOrderResponse:
        """Ship an order."""
        response: fulfillment_pb2.FulfillOrderResponse = await self._commands.submit(FULFILL_ORDER, request, context)
        return response

    async def GetFulfillment(
        self, request: fulfillment_pb2.GetFulfillmentRequest, context: Context
    ) -> fulfillment_pb2.GetFulfillmentResponse:
        """Read one fulfillment."""
        return await self._queries.run(queries.get_fulfillment, request)

    async def ListFulfillments(
        self, request: fulfillment_pb2.ListFulfillmentsRequest, context: Context
    ) -> fulfillment_pb2.ListFulfillmentsResponse:
        """List the fulfillments of an order."""
        return await self._queries.run(self._lists.list_fulfillments, request)


class PriceServicer(price_service_pb2_grpc.PriceServiceServicer):
    """Serves atlas.orders.v1.PriceService."""

    def __init__(self, edge: Edge) -> None:
        self._commands = edge.commands
        self._queries = edge.queries
        self._lists = queries.PriceLists(edge.pager)

    async def SetPrice(self, request: price_pb2.SetPriceRequest, context: Context) -> price_pb2.SetPriceResponse:
        """List a price."""
        response: price_pb2.SetPriceResponse = await self._commands.submit(SET_PRICE, request, context)
        return response

    async def GetPrice(self, request: price_pb2.GetPriceRequest, context: Context) -> price_pb2.GetPriceResponse:
        """Read one price."""
        return await self._queries.run(queries.get_price, request)

    async def ListPrices(self, request: price_pb2.ListPricesRequest, context: Context) -> price_pb2.ListPricesResponse:
        """List prices."""
        return await self._queries.run(self._lists.list_prices, request)


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    orders = order_service_pb2.DESCRIPTOR.services_by_name["OrderService"]
    prices = price_service_pb2.DESCRIPTOR.services_by_name["PriceService"]
    return [
        Servicer(orders, OrderServicer(edge), order_service_pb2_grpc.add_OrderServiceServicer_to_server),
        Servicer(prices, PriceServicer(edge), price_service_pb2_grpc.add_PriceServiceServicer_to_server),
    ]
