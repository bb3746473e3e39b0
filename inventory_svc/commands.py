"""One decider per RPC that changes stock, and the table of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from atlas.inventory.v1 import adjustment_pb2, stock_pb2
from chassis.handling import Command
from chassis.money import Money
from chassis.world import Aggregate, Context, Decision, Keys, World, keys
from inventory_svc import ledger_resources, wire
from inventory_svc.announcements import open_under
from inventory_svc.backlog import serve
from inventory_svc.domain.adjustment import Adjustment, AdjustmentLine, Holders, adjust
from inventory_svc.domain.announcement import Announcement, OpenAnnouncement
from inventory_svc.domain.backorder import Queue, Stock, Walk
from inventory_svc.domain.commands import AdjustStock, CreateItem, ReceiveStock, UpdateItem
from inventory_svc.domain.errors import (
    ForeignCurrency,
    ItemChanged,
    ItemExists,
    ItemNotFound,
    SkuLikeAnOrder,
    TooValuable,
    UnknownItems,
)
from inventory_svc.domain.events import InventoryReserved, StockAdjusted, StockReceived
from inventory_svc.domain.stock import (
    Movement,
    MovementReason,
    Receipt,
    ReceiptLine,
    Source,
    StockItem,
    movement_to,
    revaluation_of,
)
from inventory_svc.holders import first_holders

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def create_item(stock_currency: str) -> Callable[[World, CreateItem, Context], Decision]:
    """Make the decider for stock that is valued in this currency."""

    def decide(world: World, command: CreateItem, context: Context) -> Decision:
        """Make an item without stock."""
        _check_currency(command.standard_cost, stock_currency)
        if _UUID.fullmatch(command.sku):
            raise SkuLikeAnOrder(command.sku)
        if world.find(StockItem, command.sku):
            raise ItemExists(command.sku)
        item = StockItem(command.sku, command.name, command.standard_cost)
        return Decision(changed=(item,), result=item)

    return decide


def update_item(stock_currency: str) -> Callable[[World, UpdateItem, Context], Decision]:
    """Make the decider for stock that is valued in this currency."""

    def decide(world: World, command: UpdateItem, context: Context) -> Decision:
        """Rename an item, or revalue its stock at a new cost. What is so already changes nothing."""
        item = world.find(StockItem, command.sku)
        if item is None:
            raise ItemNotFound(command.sku)
        if command.expected_version not in (None, version := world.version(item)):
            raise ItemChanged(command.expected_version or 0, version)
        if command.standard_cost:
            _check_currency(command.standard_cost, stock_currency)
        renamed = item.renamed(command.name or item.name)
        if command.standard_cost in (None, item.standard_cost):
            return Decision(changed=(renamed,) if renamed != item else (), result=renamed)
        after = renamed.revalued(command.standard_cost)
        movement = _revaluation(item, after, context)
        return Decision(changed=(after, movement), events=(StockAdjusted(movement, None),), result=after)

    return decide


def _check_currency(cost: Money, stock_currency: str) -> None:
    if cost.currency_code != stock_currency:
        raise ForeignCurrency(cost.currency_code, stock_currency)


def _revaluation(before: StockItem, after: StockItem, context: Context) -> Movement:
    movement_id = context.new_id()
    source = Source(MovementReason.COST_CHANGED, movement_id, context.cause_id)
    try:
        return revaluation_of(before, after, source, movement_id)
    except ValueError as error:
        raise TooValuable(after) from error


def receive_stock(world: World, command: ReceiveStock, context: Context) -> Decision:
    """Receive stock and give it to the orders that wait, in queue order."""
    stock = _known(world, command.lines)
    walk = serve(world, {line.sku: stock[line.sku].moved(line.quantity) for line in command.lines}, context.now)
    receipt = Receipt(context.new_id(), command.reference, command.lines, _completed(walk))
    source = Source(MovementReason.RECEIPT, receipt.receipt_id, context.cause_id)
    movements = _movements(walk, command.lines, source, context)
    arrivals = tuple(StockReceived(movement, receipt.receipt_id, receipt.reference) for movement in movements)
    announced = open_under(world, command.reference)
    closed = (announced.received(receipt.receipt_id),) if announced else ()
    return _moved(walk, movements, arrivals, receipt, *closed)


def adjust_stock(world: World, command: AdjustStock, context: Context) -> Decision:
    """Correct stock, all lines or none, and give what is more to the orders that wait, in queue order."""
    stock = _known(world, command.lines)
    walk = serve(world, adjust(stock, command.lines, lambda sku: first_holders(world, sku)), context.now)
    adjustment = Adjustment(context.new_id(), command.reason, command.comment, command.lines, _completed(walk))
    source = Source(command.reason, adjustment.adjustment_id, context.cause_id)
    movements = _movements(walk, command.lines, source, context)
    corrections = tuple(StockAdjusted(movement, adjustment.adjustment_id) for movement in movements)
    return _moved(walk, movements, corrections, adjustment)


Lines = Sequence[ReceiptLine | AdjustmentLine]


def _known(world: World, lines: Lines) -> Stock:
    """Return the items that lines name; UnknownItems where there are none."""
    stock = {line.sku: item for line in lines if (item := world.find(StockItem, line.sku))}
    unknown = [(place, line.sku) for place, line in enumerate(lines) if line.sku not in stock]
    if unknown:
        raise UnknownItems(unknown)
    return stock


def _completed(walk: Walk) -> tuple[str, ...]:
    return tuple(reservation.order_id for reservation in walk.completed)


def _movements(walk: Walk, lines: Lines, source: Source, context: Context) -> tuple[Movement, ...]:
    return tuple(movement_to(walk.stock[line.sku], line.quantity, source, context.new_id()) for line in lines)


def _moved(
    walk: Walk,
    movements: tuple[Movement, ...],
    told: tuple[StockReceived | StockAdjusted, ...],
    result: Receipt | Adjustment,
    *closed: Announcement,
) -> Decision:
    """Return a change of stock as a decision, with all that the walk of the queues gave to those who waited."""
    reserved = tuple(InventoryReserved(reservation.order_id, reservation.lines) for reservation in walk.completed)
    changed: tuple[Aggregate, ...] = (*walk.stock.values(), *walk.served, *movements, result, *closed)
    return Decision(changed=changed, events=(*told, *reserved), result=result)


def _item(command: CreateItem | UpdateItem) -> Keys:
    return keys(StockItem, [command.sku])


def _items_and_queues(command: ReceiveStock) -> Keys:
    skus = [line.sku for line in command.lines]
    return keys(StockItem, skus) | keys(Queue, skus) | keys(OpenAnnouncement, [command.reference])


def _items_queues_and_holders(command: AdjustStock) -> Keys:
    """More stock walks the queues; less may meet those who hold it."""
    more = [line.sku for line in command.lines if line.quantity > 0]
    less = [line.sku for line in command.lines if line.quantity < 0]
    return keys(StockItem, [*more, *less]) | keys(Queue, more) | keys(Holders, less)


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


def update_item_command(stock_currency: str) -> Command[UpdateItem]:
    """Return how UpdateItem is handled where stock is valued in this currency."""
    return Command(
        name="UpdateItem",
        response=stock_pb2.UpdateItemResponse,
        parse=wire.update_item,
        keys=_item,
        decide=update_item(stock_currency),
        encode=wire.updated,
    )


RECEIVE_STOCK = Command(
    name="ReceiveStock",
    response=stock_pb2.ReceiveStockResponse,
    parse=wire.receive_stock,
    keys=_items_and_queues,
    decide=receive_stock,
    encode=wire.received,
)
ADJUST_STOCK = Command(
    name="AdjustStock",
    response=adjustment_pb2.AdjustStockResponse,
    parse=wire.adjust_stock,
    keys=_items_queues_and_holders,
    decide=adjust_stock,
    encode=ledger_resources.adjusted,
)
