"""The gRPC servicer of inventory: parse, submit, encode."""

from __future__ import annotations

from typing import Any, cast

import grpc.aio

from atlas.inventory.v1 import (
    adjustment_pb2,
    inventory_service_pb2,
    inventory_service_pb2_grpc,
    movement_pb2,
    reservation_pb2,
    stock_pb2,
)
from chassis.application import Edge
from chassis.grpc_server import Servicer
from inventory_svc import ledger_queries, queries
from inventory_svc.commands import ADJUST_STOCK, RECEIVE_STOCK, create_item_command, update_item_command
from inventory_svc.settings import Settings

Context = grpc.aio.ServicerContext[Any, Any]


class InventoryServicer(inventory_service_pb2_grpc.InventoryServiceServicer):
    """Serves atlas.inventory.v1.InventoryService."""

    def __init__(self, edge: Edge) -> None:
        self._commands = edge.commands
        self._queries = edge.queries
        self._lists = queries.InventoryLists(edge.pager)
        self._ledger = ledger_queries.LedgerLists(edge.pager)
        stock_currency = cast(Settings, edge.settings).stock_currency
        self._create_item = create_item_command(stock_currency)
        self._update_item = update_item_command(stock_currency)

    async def CreateItem(self, request: stock_pb2.CreateItemRequest, context: Context) -> stock_pb2.CreateItemResponse:
        """Make an item."""
        response: stock_pb2.CreateItemResponse = await self._commands.submit(self._create_item, request, context)
        return response

    async def GetItem(self, request: stock_pb2.GetItemRequest, context: Context) -> stock_pb2.GetItemResponse:
        """Read one item."""
        return await self._queries.run(queries.get_item, request)

    async def ListItems(self, request: stock_pb2.ListItemsRequest, context: Context) -> stock_pb2.ListItemsResponse:
        """List items."""
        return await self._queries.run(self._lists.list_items, request)

    async def UpdateItem(self, request: stock_pb2.UpdateItemRequest, context: Context) -> stock_pb2.UpdateItemResponse:
        """Change an item."""
        response: stock_pb2.UpdateItemResponse = await self._commands.submit(self._update_item, request, context)
        return response

    async def ListMovements(
        self, request: movement_pb2.ListMovementsRequest, context: Context
    ) -> movement_pb2.ListMovementsResponse:
        """List the movements of an item."""
        return await self._queries.run(self._ledger.list_movements, request)

    async def ReceiveStock(self, request: stock_pb2.ReceiveStockRequest, context: Context) -> stock_pb2.ReceiveStockResponse:
        """Receive stock."""
        response: stock_pb2.ReceiveStockResponse = await self._commands.submit(RECEIVE_STOCK, request, context)
        return response

    async def GetReceipt(self, request: stock_pb2.GetReceiptRequest, context: Context) -> stock_pb2.GetReceiptResponse:
        """Read one receipt."""
        return await self._queries.run(queries.get_receipt, request)

    async def ListReceipts(self, request: stock_pb2.ListReceiptsRequest, context: Context) -> stock_pb2.ListReceiptsResponse:
        """List receipts."""
        return await self._queries.run(self._lists.list_receipts, request)

    async def AdjustStock(
        self, request: adjustment_pb2.AdjustStockRequest, context: Context
    ) -> adjustment_pb2.AdjustStockResponse:
        """Correct stock."""
        response: adjustment_pb2.AdjustStockResponse = await self._commands.submit(ADJUST_STOCK, request, context)
        return response

    async def GetAdjustment(
        self, request: adjustment_pb2.GetAdjustmentRequest, context: Context
    ) -> adjustment_pb2.GetAdjustmentResponse:
        """Read one adjustment."""
        return await self._queries.run(ledger_queries.get_adjustment, request)

    async def ListAdjustments(
        self, request: adjustment_pb2.ListAdjustmentsRequest, context: Context
    ) -> adjustment_pb2.ListAdjustmentsResponse:
        """List adjustments."""
        return await self._queries.run(self._ledger.list_adjustments, request)

    async def GetReservation(
        self, request: reservation_pb2.GetReservationRequest, context: Context
    ) -> reservation_pb2.GetReservationResponse:
        """Read the reservation of one order."""
        return await self._queries.run(queries.get_reservation, request)

    async def ListReservations(
        self, request: reservation_pb2.ListReservationsRequest, context: Context
    ) -> reservation_pb2.ListReservationsResponse:
        """List reservations."""
        return await self._queries.run(self._lists.list_reservations, request)

    async def ListBackorders(
        self, request: reservation_pb2.ListBackordersRequest, context: Context
    ) -> reservation_pb2.ListBackordersResponse:
        """List the lines that wait for stock."""
        return await self._queries.run(self._lists.list_backorders, request)


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    contract = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"]
    add = inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server
    return [Servicer(contract, InventoryServicer(edge), add)]
