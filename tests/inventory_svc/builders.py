"""Builders of what inventory_svc is fed with, and a world in memory that runs its deciders one message at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

from chassis.money import Money
from chassis.world import SYSTEM, Context, Decision, World
from inventory_svc import commands, queue_commands, reactions
from inventory_svc.domain import facts
from inventory_svc.domain.adjustment import Adjustment, AdjustmentLine
from inventory_svc.domain.commands import AdjustStock, CreateItem, PrioritizeBackorder, ReceiveStock, ReleaseHeld, UpdateItem
from inventory_svc.domain.reservation import Line, LineCancellation, Placing, Reservation, Shipment
from inventory_svc.domain.stock import Movement, MovementReason, ReceiptLine, StockItem

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COST = Money("EUR", 1200)

Wants = Sequence[tuple[str, int]]


def an_id(number: int) -> str:
    """The n-th id; ids sort like their numbers."""
    return str(UUID(int=0x7 << 76 | 0b10 << 62 | number))


def placing(minute: int = 0, by: str = "buyer") -> Placing:
    """Placed some minutes after noon."""
    return Placing(NOON + timedelta(minutes=minute), by, "issuer")


def lines(*wants: tuple[str, int]) -> tuple[Line, ...]:
    """Order lines numbered from 1: (sku, quantity)."""
    return tuple(Line(number, sku, quantity) for number, (sku, quantity) in enumerate(wants, 1))


def an_item(
    sku: str = "A",
    *,
    on_hand: int = 0,
    reserved: int = 0,
    backordered: int = 0,
    movement_count: int = 0,
    backordered_whole: int = 0,
) -> StockItem:
    """An item with some stock."""
    return StockItem(
        sku,
        f"item {sku}",
        COST,
        on_hand=on_hand,
        reserved=reserved,
        backordered=backordered,
        movement_count=movement_count,
        backordered_whole=backordered_whole,
    )


def a_reservation(number: int, *wants: tuple[str, int], minute: int | None = None) -> Reservation:
    """A placed order that holds nothing yet; by default placed at its number."""
    return Reservation(an_id(number)).placed(placing(number if minute is None else minute), lines(*wants))


def placed(number: int, *wants: tuple[str, int], minute: int | None = None) -> facts.OrderPlaced:
    """OrderPlaced of the n-th order, by default placed at minute n."""
    return facts.OrderPlaced(an_id(number), placing(number if minute is None else minute), lines(*wants))


def cancelled(number: int, *wants: tuple[str, int]) -> facts.OrderCancelled:
    """OrderCancelled of the n-th order."""
    return facts.OrderCancelled(an_id(number), placing(number), frozenset(sku for sku, _ in wants))


def confirmed(number: int) -> facts.OrderConfirmed:
    """OrderConfirmed of the n-th order."""
    return facts.OrderConfirmed(an_id(number))


def fulfilled(number: int, *wants: tuple[str, int]) -> facts.OrderShipped:
    """OrderFulfilled of the n-th order: everything in one shipment, or a short close."""
    parts = tuple((line.line_number, line.quantity) for line in lines(*wants))
    shipment = Shipment(an_id(1_000_000 + number), parts) if parts else None
    return facts.OrderShipped(an_id(number), shipment, frozenset(sku for sku, _ in wants))


def shipped_in_parts(number: int, *shipments: tuple[tuple[int, str, int], ...]) -> list[facts.OrderShipped]:
    """The shipments of the n-th order, each of (line number, sku, units)."""
    return [
        facts.OrderShipped(
            an_id(number),
            Shipment(an_id(2_000_000 + 100 * number + index), tuple((line, units) for line, _, units in parts)),
            frozenset(sku for _, sku, _ in parts),
        )
        for index, parts in enumerate(shipments)
    ]


def lines_cancelled(number: int, *parts: tuple[int, str, int]) -> facts.OrderLinesCancelled:
    """OrderLinesCancelled of the n-th order, of (line number, sku, units)."""
    cancellation = LineCancellation(an_id(3_000_000 + number), tuple((line, units) for line, _, units in parts))
    return facts.OrderLinesCancelled(an_id(number), cancellation, frozenset(sku for _, sku, _ in parts))


REACTIONS: dict[type, Any] = {
    facts.OrderPlaced: reactions.order_placed,
    facts.OrderCancelled: reactions.order_cancelled,
    facts.OrderLinesCancelled: reactions.order_lines_cancelled,
    facts.OrderConfirmed: reactions.order_confirmed,
    facts.OrderShipped: reactions.order_shipped,
}


@dataclass
class Warehouse:
    """Everything that is stored, in memory; feeds messages to the deciders and keeps what they emit."""

    world: World = field(default_factory=lambda: World(stream_kinds=frozenset({StockItem, Reservation})))
    events: list[Any] = field(default_factory=list)
    now: datetime = NOON
    _ids: int = 5_000_000

    def _context(self) -> Context:
        """What the next message is handled with, a second after the one before."""
        self.now += timedelta(seconds=1)
        return Context(self.now, SYSTEM, self._new_id, "cause")

    def _new_id(self) -> str:
        self._ids += 1
        return an_id(self._ids)

    def _take(self, decision: Decision) -> Decision:
        self.world.apply(decision, self.now)
        self.events += decision.events
        return decision

    def tell(self, *told: Any) -> None:
        """Deliver facts in this order."""
        for fact in told:
            self._take(REACTIONS[type(fact)](self.world, fact, self._context()))

    def create(self, *skus: str) -> None:
        """Make items without stock."""
        for sku in skus:
            self._take(commands.create_item("EUR")(self.world, CreateItem(sku, sku, COST), self._context()))

    def receive(self, *arrived: tuple[str, int]) -> tuple[str, ...]:
        """Receive stock; the orders it completed."""
        command = ReceiveStock("PO-1", tuple(ReceiptLine(sku, quantity) for sku, quantity in arrived))
        decision = self._take(commands.receive_stock(self.world, command, self._context()))
        return tuple(decision.result.completed_order_ids)

    def adjust(self, *corrected: tuple[str, int], reason: MovementReason = MovementReason.COUNT) -> Adjustment:
        """Correct the stock of items."""
        command = AdjustStock(reason, "", tuple(AdjustmentLine(sku, quantity) for sku, quantity in corrected))
        result: Adjustment = self._take(commands.adjust_stock(self.world, command, self._context())).result
        return result

    def update(
        self, sku: str, *, name: str | None = None, cost: Money | None = None, expected_version: int | None = None
    ) -> Decision:
        """Change an item."""
        command = UpdateItem(sku, name, cost, expected_version)
        return self._take(commands.update_item("EUR")(self.world, command, self._context()))

    def prioritize(self, number: int, priority: int) -> None:
        """Give the n-th order another place in its queues."""
        command = PrioritizeBackorder(an_id(number), priority, None)
        self._take(queue_commands.prioritize_backorder(self.world, command, self._context()))

    def release_held(self, number: int) -> None:
        """Give back what the n-th order holds."""
        self._take(queue_commands.release_held(self.world, ReleaseHeld(an_id(number), None), self._context()))

    def item(self, sku: str) -> StockItem:
        """An item as it is now."""
        item = self.world.find(StockItem, sku)
        assert item is not None
        return item

    def order(self, number: int) -> Reservation:
        """The n-th order's reservation as it is now."""
        found = self.world.find(Reservation, an_id(number))
        assert found is not None
        return found

    def held(self, number: int) -> list[int]:
        """What each line of the n-th order holds."""
        return [line.held for line in self.order(number).lines]

    def movements(self) -> list[Movement]:
        """Every movement of stock."""
        return self.world.all(Movement)

    def told(self, kind: type) -> list[Any]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def stock(self) -> dict[str, tuple[int, int, int]]:
        """On hand, reserved and backordered by SKU."""
        return {item.sku: (item.on_hand, item.reserved, item.backordered) for item in self.world.all(StockItem)}

    def check(self) -> None:
        """Assert what must hold after every message (I7)."""
        orders = self.world.all(Reservation)
        for item in self.world.all(StockItem):
            assert 0 <= item.reserved <= item.on_hand
            mine = sorted((m for m in self.movements() if m.sku == item.sku), key=lambda movement: movement.number)
            assert [m.number for m in mine] == list(range(1, item.movement_count + 1))
            assert [m.on_hand_after for m in mine] == list(accumulate(m.quantity for m in mine))
            assert item.on_hand == _sum(m.quantity for m in mine)
            assert item.standard_cost.minor_units * item.on_hand == _sum(m.value_change.minor_units for m in mine)
            assert item.reserved == _sum(line.held for order in orders for line in order.lines if line.sku == item.sku)
            assert item.backordered == _sum(line.missing for order in orders for line in order.waiting if line.sku == item.sku)
            assert not (item.backordered_in_parts and item.available)
        for order in (order for order in orders if order.waits_whole and order.waiting):
            assert not order.holds
            assert any(self.item(sku).available < units for sku, units in order.needs.items())
        for order in orders:
            assert order.is_open or not any(line.held for line in order.lines)
        self._check_queues()

    def _check_queues(self) -> None:
        """Assert that no order took units while an order ahead of it, in its present place then, waited for them."""
        rows = [row for (kind, _), row in self.world.rows.items() if kind is Reservation and row.aggregate.lines]
        for first in (row for row in rows if row.aggregate.waiting and not row.aggregate.waits_whole):
            since = first.aggregate.prioritize_time or first.create_time
            assert since is not None
            missing = {line.sku for line in first.aggregate.waiting}
            for later in (row.aggregate for row in rows if first.aggregate.queue_place < row.aggregate.queue_place):
                takes = [line.take_time for line in later.holds if line.sku in missing and line.take_time is not None]
                moved = later.prioritize_time
                assert not any(since < time and (moved is None or moved < time) for time in takes)


def _sum(numbers: Iterable[int]) -> int:
    return sum(numbers)
