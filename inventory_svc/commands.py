"""One decider per RPC that changes stock, and the table of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from atlas.inventory.v1 import stock_pb2
from chassis.handling import Command
from chassis.world import Aggregate, Context, Decision, Keys, World, keys
from inventory_svc import wire
from inventory_svc.announcements import open_under
from inventory_svc.backlog import serve
from inventory_svc.domain.announcement import OpenAnnouncement
from inventory_svc.domain.backorder import Queue
from inventory_svc.domain.commands import CreateItem, ReceiveStock
from inventory_svc.domain.errors import ForeignCurrency, ItemExists, SkuLikeAnOrder, UnknownItems
from inventory_svc.domain.events import InventoryReserved, StockReceived
from inventory_svc.domain.stock import Movement, MovementReason, Receipt, StockItem

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def create_item(stock_currency: str) -> Callable[[World, CreateItem, Context], Decision]:
    """Make the decider for stock that is valued in this currency."""

    def decide(world: World, command: CreateItem, context: Context) -> Decision:
        """Make an item without stock."""
        if command.standard_cost.currency_code != stock_currency:
            raise ForeignCurrency(command.standard_cost.currency_code, stock_currency)
        if _UUID.fullmatch(command.sku):
            raise SkuLikeAnOrder(command.sku)
        if world.find(StockItem, command.sku):
            raise ItemExists(command.sku)
        item = StockItem(command.sku, command.name, command.standard_cost)
        return Decision(changed=(item,), result=item)

    return decide


def receive_stock(world: World, command: ReceiveStock, context: Context) -> Decision:
    """Receive stock and give it to the orders that wait, in queue order."""
    stock = {line.sku: item for line in command.lines if (item := world.find(StockItem, line.sku))}
    unknown = [(place, line.sku) for place, line in enumerate(command.lines) if line.sku not in stock]
    if unknown:
        raise UnknownItems(unknown)
    received = {line.sku: stock[line.sku].received(line.quantity) for line in command.lines}
    walk = serve(world, received, context.now)
    completed = tuple(reservation.order_id for reservation in walk.completed)
    receipt = Receipt(context.new_id(), command.reference, command.lines, completed)
    movements = [_movement(receipt, received[line.sku], line.quantity, context) for line in command.lines]
    arrivals = [_arrival(receipt, movement, received[movement.sku]) for movement in movements]
    reserved = [InventoryReserved(reservation.order_id, reservation.lines) for reservation in walk.completed]
    announced = open_under(world, command.reference)
    closed = (announced.received(receipt.receipt_id),) if announced else ()
    changed: tuple[Aggregate, ...] = (*walk.stock.values(), *walk.served, *movements, receipt, *closed)
    return Decision(changed=changed, events=(*arrivals, *reserved), result=receipt)


def _movement(receipt: Receipt, item: StockItem, quantity: int, context: Context) -> Movement:
    return Movement(
        movement_id=context.new_id(),
        sku=item.sku,
        quantity=quantity,
        reason=MovementReason.RECEIPT,
        source_id=receipt.receipt_id,
        line_number=0,
        on_hand_after=item.on_hand,
        cause_id=context.cause_id,
    )


def _arrival(receipt: Receipt, movement: Movement, item: StockItem) -> StockReceived:
    return StockReceived(
        sku=item.sku,
        movement_id=movement.movement_id,
        receipt_id=receipt.receipt_id,
        reference=receipt.reference,
        quantity=movement.quantity,
        unit_cost=item.standard_cost,
        reason=movement.reason,
    )


def _item(command: CreateItem) -> Keys:
    return keys(StockItem, [command.sku])


def _items_and_queues(command: ReceiveStock) -> Keys:
    skus = [line.sku for line in command.lines]
    return keys(StockItem, skus) | keys(Queue, skus) | keys(OpenAnnouncement, [command.reference])


def create_item_command(stock_currency: str) -> Command[CreateItem]:
    """Return how CreateItem is handled where stock is valued in this currency."""
    return Command(
        name="CreateItem",
        response=stock_pb2.CreateItemResponse,
        parse=wire.create_item,
        keys=_item,
        decide=create_item(stock_currency),
        encode=wire.created,
    )


RECEIVE_STOCK = Command(
    name="ReceiveStock",
    response=stock_pb2.ReceiveStockResponse,
    parse=wire.receive_stock,
    keys=_items_and_queues,
    decide=receive_stock,
    encode=wire.received,
)
