"""The gRPC servicer of inventory: parse, submit, encode."""

from __future__ import annotations

from typing import Any, cast

import grpc.aio

from atlas.inventory.v1 import (
    adjustment_pb2,
    announcement_pb2,
    backorder_pb2,
    inventory_service_pb2,
    inventory_service_pb2_grpc,
    movement_pb2,
    reservation_pb2,
    stock_pb2,
)
from chassis.application import Edge
from chassis.grpc_server import Servicer
from inventory_svc import ledger_queries, queries, queue_queries
from inventory_svc.commands import ADJUST_STOCK, RECEIVE_STOCK, create_item_command, update_item_command
from inventory_svc.queue_commands import ANNOUNCE_STOCK, PRIORITIZE_BACKORDER, RELEASE_HELD
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
        self._queues = queue_queries.QueueReads(edge.pager, edge.service.clock)

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
        return await self._queries.run(self._queues.list_backorders, request)

    async def PrioritizeBackorder(
        self, request: backorder_pb2.PrioritizeBackorderRequest, context: Context
    ) -> backorder_pb2.PrioritizeBackorderResponse:
        """Give a waiting order another place in its queues."""
        response: backorder_pb2.PrioritizeBackorderResponse = await self._commands.submit(
            PRIORITIZE_BACKORDER, request, context
        )
        return response

    async def ReleaseHeldStock(
        self, request: backorder_pb2.ReleaseHeldStockRequest, context: Context
    ) -> backorder_pb2.ReleaseHeldStockResponse:
        """Give back what a waiting order holds."""
        response: backorder_pb2.ReleaseHeldStockResponse = await self._commands.submit(RELEASE_HELD, request, context)
        return response

    async def AnnounceStock(
        self, request: announcement_pb2.AnnounceStockRequest, context: Context
    ) -> announcement_pb2.AnnounceStockResponse:
        """Say what stock should come, and when."""
        response: announcement_pb2.AnnounceStockResponse = await self._commands.submit(ANNOUNCE_STOCK, request, context)
        return response

    async def GetAnnouncement(
        self, request: announcement_pb2.GetAnnouncementRequest, context: Context
    ) -> announcement_pb2.GetAnnouncementResponse:
        """Read one announcement."""
        return await self._queries.run(queue_queries.get_announcement, request)

    async def ListAnnouncements(
        self, request: announcement_pb2.ListAnnouncementsRequest, context: Context
    ) -> announcement_pb2.ListAnnouncementsResponse:
        """List announcements."""
        return await self._queries.run(self._queues.list_announcements, request)

    async def GetAvailability(
        self, request: announcement_pb2.GetAvailabilityRequest, context: Context
    ) -> announcement_pb2.GetAvailabilityResponse:
        """Say what a new order would get."""
        return await self._queries.run(self._queues.get_availability, request)


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    contract = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"]
    add = inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server
    return [Servicer(contract, InventoryServicer(edge), add)]
