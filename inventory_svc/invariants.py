"""What must hold in inventory_svc's own database at any time (reliability.md, I7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from chassis.application import Finding
from inventory_svc.domain.reservation import Reservation
from inventory_svc.store import reservation, reservation_from, reservation_line, stock_item, stock_movement

MAX_WRONG = 10


def check(connection: sa.Connection) -> list[Finding]:
    """Check every item and every reservation."""
    items = connection.execute(_items()).all()
    orders = _orders(connection)
    free = {item.name: item.on_hand - item.reserved for item in items}

    def whole_waits(order: _Order) -> bool:
        return _waits_wrongly(order.reservation, free)

    return [
        _finding("I7.stock", "0 <= reserved <= on_hand = the sum of movements", items, _stock_is_wrong),
        _finding("I7.value", "the values of movements add up to on_hand x standard cost", items, _value_is_wrong),
        _balance(connection),
        _finding("I7.reserved", "reserved and backordered are what open orders hold and miss", items, _sums_are_wrong),
        _finding("I7.queue", "no stock is free while an order waits that would take it", items, _is_free_while_waiting),
        _finding("I7.whole", "who takes all or nothing waits with nothing, and no longer than it has to", orders, whole_waits),
        _finding("I7.state", "the stored state and waiting lines equal what the facts derive", orders, _is_stale),
        _finding("I7.shipped", "every shipment that was told has left the warehouse", orders, _owes_shipment),
        _finding("I7.cancelled", "every cancellation of lines that was told is given up", orders, _owes_cancellation),
        _overtaken(connection),
    ]


def _items() -> sa.Select[Any]:
    item, line, movement = stock_item.c, reservation_line.c, stock_movement.c
    moved = sa.select(sa.func.coalesce(sa.func.sum(movement.quantity), 0)).where(movement.sku == item.sku)
    worth = sa.select(sa.func.coalesce(sa.func.sum(movement.value_change_minor_units), 0)).where(movement.sku == item.sku)
    held = sa.select(sa.func.coalesce(sa.func.sum(line.held), 0)).where(line.sku == item.sku, line.held > 0)
    waiting = sa.select(sa.func.coalesce(sa.func.sum(line.waiting), 0)).where(line.sku == item.sku, line.waiting > 0)
    whole = sa.select(sa.func.coalesce(sa.func.sum(line.waiting), 0)).where(
        line.sku == item.sku, line.waiting > 0, line.is_whole
    )
    return sa.select(
        item.sku.label("name"),
        item.on_hand,
        item.reserved,
        item.backordered,
        item.cost_minor_units,
        moved.scalar_subquery().label("moved"),
        worth.scalar_subquery().label("worth"),
        held.scalar_subquery().label("held"),
        waiting.scalar_subquery().label("waiting"),
        item.backordered_whole,
        whole.scalar_subquery().label("whole"),
    ).order_by(item.sku)


def _stock_is_wrong(item: Any) -> bool:
    return not 0 <= item.reserved <= item.on_hand == item.moved


def _value_is_wrong(item: Any) -> bool:
    return bool(item.on_hand * item.cost_minor_units != item.worth)


def _balance(connection: sa.Connection) -> Finding:
    """Check that the movements of each item are its whole story: 1, 2, 3 and so on, each from where the last one ended."""
    item, movement = stock_item.c, stock_movement.c
    story: dict[str, Any] = {"partition_by": movement.sku, "order_by": movement.movement_number}
    told = sa.select(
        movement.sku,
        movement.movement_number,
        movement.on_hand_after,
        sa.func.sum(movement.quantity).over(**story).label("balance"),
        sa.func.row_number().over(**story).label("place"),
        sa.func.count().over(partition_by=movement.sku).label("count"),
    ).subquery()
    wrong = sa.select(told.c.sku, told.c.movement_number).join(stock_item, item.sku == told.c.sku)
    wrong = wrong.where(
        sa.or_(
            told.c.on_hand_after != told.c.balance,
            told.c.movement_number != told.c.place,
            item.movement_count != told.c["count"],
        )
    )
    rows = connection.execute(wrong.order_by(told.c.sku, told.c.movement_number).limit(MAX_WRONG))
    found = tuple(f"{row.sku} {row.movement_number}" for row in rows)
    count = connection.scalar(sa.select(sa.func.count()).select_from(stock_movement)) or 0
    return Finding("I7.balance", "movements are numbered without gaps, each with the balance so far", count, found)


def _sums_are_wrong(item: Any) -> bool:
    return (item.reserved, item.backordered, item.backordered_whole) != (item.held, item.waiting, item.whole)


def _is_free_while_waiting(item: Any) -> bool:
    return bool(item.waiting > item.whole and item.reserved < item.on_hand)


def _waits_wrongly(order: Reservation, free: Mapping[str, int]) -> bool:
    """Whether an order that takes all or nothing holds something while it waits, or waits although it could be completed."""
    if not order.waits_whole or not order.waiting:
        return False
    return bool(order.holds) or all(free.get(sku, 0) >= units for sku, units in order.needs.items())


class _Order:
    """A stored reservation beside what its facts derive."""

    def __init__(self, row: Any, lines: list[Any]) -> None:
        self.name = row.order_id
        self.stored = (row.state, [(line.waiting, *_place(line)) for line in lines])
        self.reservation: Reservation = reservation_from(row, [lines])


def _place(line: Any) -> tuple[Any, ...]:
    return (line.turn, line.place_time, line.is_whole, line.is_queued)


def _orders(connection: sa.Connection) -> list[_Order]:
    lines: dict[str, list[Any]] = defaultdict(list)
    for line in connection.execute(sa.select(reservation_line).order_by(*reservation_line.primary_key)):
        lines[line.order_id].append(line)
    rows = connection.execute(sa.select(reservation).order_by(reservation.c.order_id))
    return [_Order(row, lines[row.order_id]) for row in rows]


def _is_stale(order: _Order) -> bool:
    derived = order.reservation
    place = (*derived.queue_place[:2], derived.waits_whole, bool(derived.waiting)) if derived.lines else ()
    waiting = [(line.missing if derived.is_open else 0, *place) for line in derived.lines]
    return order.stored != (derived.state, waiting) or (not derived.is_open and bool(derived.holds))


def _owes_shipment(order: _Order) -> bool:
    return any(not shipment.is_done for shipment in order.reservation.shipments)


def _owes_cancellation(order: _Order) -> bool:
    return bool(order.reservation.lines and order.reservation.owed)


def _finding(name: str, statement: str, checked: Any, is_wrong: Any) -> Finding:
    wrong = [str(thing.name) for thing in checked if is_wrong(thing)]
    return Finding(name, statement, len(checked), tuple(wrong[:MAX_WRONG]))


def _overtaken(connection: sa.Connection) -> Finding:
    """Find orders that took units of an item while an order ahead of them, in its present place then, waited for it.

    Who has units keeps them: an order that was read late or moved ahead may wait behind younger ones that took theirs before.
    Who was moved back after it took is not judged, since it stood ahead then; who takes all or nothing is passed over.
    """
    line, order = reservation_line.c, reservation.c
    took = sa.func.coalesce(sa.func.max(line.take_time).filter(line.held > 0), order.create_time).label("took")
    waits = sa.func.bool_or(line.waiting > 0) & ~order.waits_whole
    place = (order.priority.desc(), order.place_time, line.order_id)
    since = sa.func.coalesce(order.prioritize_time, order.create_time)
    waits_since = sa.func.min(sa.case((waits, since))).over(partition_by=line.sku, order_by=place, rows=(None, -1))
    holds = sa.func.bool_or(line.held > 0).label("holds")
    queue = (
        sa.select(line.order_id, line.sku, order.prioritize_time, holds, took, waits_since.label("waits_since"))
        .join(reservation, order.order_id == line.order_id)
        .where(sa.or_(line.waiting > 0, line.held > 0))
        .group_by(line.order_id, line.sku, *reservation.primary_key)
        .subquery()
    )
    stood_there = sa.or_(queue.c.prioritize_time.is_(None), queue.c.prioritize_time < queue.c.took)
    wrong = sa.select(queue.c.order_id, queue.c.sku).where(queue.c.holds, queue.c.waits_since < queue.c.took, stood_there)
    rows = connection.execute(wrong.order_by(queue.c.sku, queue.c.order_id).limit(MAX_WRONG))
    found = tuple(f"{row.order_id} {row.sku}" for row in rows)
    count = connection.scalar(sa.select(sa.func.count()).select_from(queue)) or 0
    return Finding("I7.fifo", "no order took units that an order ahead of it waited for", count, found)
