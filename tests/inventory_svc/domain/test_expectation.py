"""What is foreseen is what happens when the announced receipts come, all else equal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory_svc.domain.errors import HoldsNothing, NotWaiting
from inventory_svc.domain.expectation import Arrival, Demand, Outlook, coupled, foresee, foresee_new
from inventory_svc.domain.reservation import Line, Reservation
from inventory_svc.domain.stock import StockItem
from tests.inventory_svc.builders import NOON, Warehouse, an_item, lines, placed


def _at(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


def _arrivals(*units: tuple[int, dict[str, int]]) -> tuple[Arrival, ...]:
    return tuple(Arrival(_at(hour), what) for hour, what in units)


def test_a_line_is_complete_when_those_ahead_and_it_are_served() -> None:
    queue = (Demand({"A": 5}), Demand({"A": 3}), Demand({"B": 1}), Demand({"A": 9}))
    arrivals = _arrivals((1, {"A": 5}), (2, {"A": 2, "B": 4}), (3, {"A": 1}))
    assert foresee(Outlook({}, queue, arrivals)) == [_at(1), _at(3), _at(2), None]


def test_who_takes_all_or_nothing_is_passed_over_until_he_can_be_completed() -> None:
    queue = (Demand({"A": 4, "B": 1}, is_whole=True), Demand({"A": 2}))
    arrivals = _arrivals((1, {"A": 3}), (2, {"B": 1}), (3, {"A": 2}), (4, {"A": 1}))
    assert foresee(Outlook({}, queue, arrivals)) == [_at(4), _at(1)]
    assert foresee(Outlook({"A": 2}, queue[:1], arrivals)) == [_at(2)]


def test_a_new_line_expects_what_nobody_ahead_waits_for() -> None:
    outlook = Outlook(arrivals=_arrivals((1, {"A": 6}), (2, {"A": 6})))
    stock = {"A": an_item(on_hand=1, reserved=1, backordered=9), "B": an_item("B", backordered=1)}
    assert foresee_new(outlook, lines(("A", 3), ("B", 1)), stock) == {1: _at(2)}
    assert foresee_new(outlook, lines(("A", 7)), {"A": an_item(backordered=13)}) == {}
    assert foresee_new(Outlook(), lines(("A", 3)), {"A": an_item(backordered=3)}) == {}


def test_items_are_coupled_by_orders_that_need_several() -> None:
    whole = [Demand({"A": 1, "B": 1}, True), Demand({"B": 1, "C": 1}, True), Demand({"D": 1, "E": 1}, True)]
    assert coupled({"A"}, whole) == {"A", "B", "C"}
    assert coupled({"F"}, whole) == {"F"}


WANTS = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 5)), min_size=1, max_size=3)
UNITS = st.dictionaries(st.sampled_from("ABC"), st.integers(1, 6), min_size=1)


def _queue(house: Warehouse) -> list[tuple[Reservation, Line | None, Demand]]:
    """Who waits, in queue order: a demand a line, or one for an order that takes all or nothing."""
    found: list[tuple[Reservation, Line | None, Demand]] = []
    waiting = [order for order in house.world.all(Reservation) if order.waiting]
    for order in sorted(waiting, key=lambda order: order.queue_place):
        if order.waits_whole:
            found.append((order, None, Demand(order.needs, is_whole=True)))
        else:
            found += [(order, line, Demand({line.sku: line.missing})) for line in order.waiting]
    return found


def _completed(house: Warehouse, order: Reservation, line: Line | None) -> bool:
    now = house.world.find(Reservation, order.order_id)
    assert now is not None
    return now.is_complete if line is None else not now.lines[line.line_number - 1].missing


def _release(house: Warehouse, numbers: list[int]) -> None:
    for number in numbers:
        try:
            house.release_held(number)
        except (NotWaiting, HoldsNothing):
            continue


HOUSES = st.builds(
    lambda stock, wants, releases: (stock, wants, releases),
    UNITS,
    st.lists(WANTS, min_size=3, max_size=6),
    st.lists(st.integers(1, 3), max_size=3),
)
ANNOUNCED = st.lists(UNITS, max_size=5)


def _house(stock: dict[str, int], wants: list[list[tuple[str, int]]], releases: list[int]) -> Warehouse:
    """A warehouse where orders wait, some of them for all or nothing."""
    house = Warehouse()
    house.create("A", "B", "C")
    house.receive(*stock.items())
    for number, want in enumerate(wants, 1):
        house.tell(placed(number, *want))
    _release(house, releases)
    return house


def _outlook(house: Warehouse, announced: list[dict[str, int]]) -> Outlook:
    free = {item.sku: item.available for item in house.world.all(StockItem)}
    return Outlook(free, tuple(demand for *_, demand in _queue(house)), _arrivals(*enumerate(announced)))


def _happens(house: Warehouse, lines: Sequence[tuple[Reservation, Line | None]], announced: list[dict[str, int]]) -> list[Any]:
    """Receive what was announced; when each of these is complete."""
    times: list[datetime | None] = [None] * len(lines)
    for hour, units in enumerate(announced):
        house.receive(*units.items())
        for place, (order, line) in enumerate(lines):
            if times[place] is None and _completed(house, order, line):
                times[place] = _at(hour)
    return times


@given(HOUSES, ANNOUNCED)
def test_what_is_foreseen_is_what_the_receipts_do(made: Any, announced: list[dict[str, int]]) -> None:
    house = _house(*made)
    waiting = [(order, line) for order, line, _ in _queue(house)]
    foreseen = foresee(_outlook(house, announced))
    assert foreseen == _happens(house, waiting, announced)


@given(HOUSES, ANNOUNCED, WANTS)
def test_what_a_new_order_is_told_is_what_the_receipts_do(
    made: Any, announced: list[dict[str, int]], wants: list[tuple[str, int]]
) -> None:
    house = _house(*made)
    outlook = _outlook(house, announced)
    house.tell(placed(50, *wants))
    order, stock = house.order(50), {item.sku: item for item in house.world.all(StockItem)}
    expected = foresee_new(outlook, order.lines, stock)
    waiting = [(order, line) for line in order.waiting]
    assert [expected.get(line.line_number) for line in order.waiting] == _happens(house, waiting, announced)
