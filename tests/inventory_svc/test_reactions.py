"""What inventory does when it hears of an order, and that the order of hearing does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_svc.domain.events import (
    Failure,
    InventoryReleased,
    InventoryReservationFailed,
    InventoryReserved,
    ReleaseReason,
    StockShipped,
)
from inventory_svc.domain.reservation import State
from tests.inventory_svc.builders import (
    Warehouse,
    an_id,
    cancelled,
    confirmed,
    fulfilled,
    lines_cancelled,
    placed,
    shipped_in_parts,
)


def _house(**stock: int) -> Warehouse:
    house = Warehouse()
    house.create(*stock)
    arrived = [(sku, quantity) for sku, quantity in stock.items() if quantity]
    if arrived:
        house.receive(*arrived)
    house.events.clear()
    return house


def test_an_order_that_can_be_served_is_reserved() -> None:
    house = _house(A=5)
    house.tell(placed(1, ("A", 3), ("A", 2)))
    (event,) = house.events
    assert [(line.line_number, line.sku, line.held) for line in event.lines] == [(1, "A", 3), (2, "A", 2)]
    assert house.order(1).state is State.RESERVED


def test_an_order_that_lacks_stock_says_what_it_holds_and_misses() -> None:
    house = _house(A=5, B=0)
    house.tell(placed(1, ("A", 3), ("B", 2)))
    (event,) = house.told(InventoryReservationFailed)
    assert event.reason is Failure.BACKORDERED
    assert [(line.held, line.missing) for line in event.lines] == [(3, 0), (0, 2)]


def test_an_order_with_an_unknown_item_is_rejected_and_holds_nothing() -> None:
    house = _house(A=5)
    house.tell(placed(1, ("A", 3), ("X", 2)))
    (event,) = house.told(InventoryReservationFailed)
    assert event.reason is Failure.UNKNOWN_ITEM
    assert [(line.line_number, line.sku, line.missing) for line in event.lines] == [(2, "X", 2)]
    assert house.item("A").available == 5
    assert house.order(1).state is State.REJECTED
    house.tell(cancelled(1, ("A", 3), ("X", 2)))
    assert [released.lines for released in house.told(InventoryReleased)] == [()]
    house.check()


def test_a_cancel_gives_back_what_was_held_and_serves_the_next() -> None:
    house = _house(A=6)
    house.tell(placed(1, ("A", 8)), placed(2, ("A", 5)), cancelled(1, ("A", 8)))
    (released,) = house.told(InventoryReleased)
    assert [(line.line_number, line.held) for line in released.lines] == [(1, 6)]
    assert [event.order_id for event in house.told(InventoryReserved)] == [an_id(2)]
    assert house.stock() == {"A": (6, 5, 0)}
    assert house.order(1).state is State.RELEASED
    house.check()


def test_a_cancel_of_an_order_that_holds_nothing_is_still_answered() -> None:
    house = _house(A=0)
    house.tell(placed(1, ("A", 8)), cancelled(1, ("A", 8)))
    assert [released.lines for released in house.told(InventoryReleased)] == [()]
    house.check()


def test_a_cancel_before_the_order_leaves_a_tombstone() -> None:
    house = _house(A=5)
    house.tell(cancelled(1, ("A", 3)), placed(1, ("A", 3)))
    assert [type(event) for event in house.events] == [InventoryReleased]
    assert house.order(1).state is State.TOMBSTONE
    assert house.item("A").available == 5


def test_a_confirmed_order_is_committed_and_its_stock_leaves_when_it_is_shipped() -> None:
    house = _house(A=5, B=1)
    order = (("A", 3), ("B", 1))
    house.tell(placed(1, *order), confirmed(1))
    assert house.order(1).state is State.COMMITTED
    house.tell(fulfilled(1, *order))
    assert house.order(1).state is State.SHIPPED
    assert house.stock() == {"A": (2, 0, 0), "B": (0, 0, 0)}
    assert len(house.told(StockShipped)) == 1
    house.check()


def test_a_short_close_moves_nothing() -> None:
    house = _house(A=5)
    house.tell(placed(1, ("A", 3)), confirmed(1), fulfilled(1))
    assert house.told(StockShipped) == []


def test_the_same_fact_told_again_changes_nothing() -> None:
    house = _house(A=9)
    order = (("A", 3),)
    shipped = [placed(1, *order), confirmed(1), fulfilled(1, *order)]
    dropped = [placed(2, *order), cancelled(2, *order)]
    for fact in shipped + dropped:
        house.tell(fact)
        count, stock = len(house.events), house.stock()
        house.tell(fact)
        assert (len(house.events), house.stock()) == (count, stock)


def test_shipping_after_a_cancel_moves_nothing() -> None:
    house = _house(A=5)
    house.tell(placed(1, ("A", 3)), cancelled(1, ("A", 3)), fulfilled(1, ("A", 3)))
    assert house.stock() == {"A": (5, 0, 0)}


ORDER = (("A", 3), ("B", 2), ("A", 1))
CLOSED = {State.RELEASED, State.TOMBSTONE}


def _end(facts: Sequence[Any]) -> tuple[Any, ...]:
    house = _house(A=7, B=4)
    for fact in facts:
        house.tell(fact)
        house.check()
    state = house.order(1).state
    kinds = (InventoryReleased, StockShipped)
    return (None if state in CLOSED else state, house.stock(), [len(house.told(kind)) for kind in kinds])


@st.composite
def _deliveries(draw: st.DrawFn, facts: Sequence[Any]) -> list[Any]:
    """Any permutation with any duplicates."""
    extra = draw(st.lists(st.sampled_from(facts), max_size=4))
    return draw(st.permutations([*facts, *extra]))


@given(_deliveries([placed(1, *ORDER), confirmed(1), fulfilled(1, *ORDER)]))
def test_a_shipped_order_ends_the_same_in_whatever_order_it_is_told(facts: list[Any]) -> None:
    assert _end(facts) == (State.SHIPPED, {"A": (3, 0, 0), "B": (2, 0, 0)}, [0, 1])


PARTS = shipped_in_parts(1, ((1, "A", 2), (2, "B", 1)), ((1, "A", 1),), ((2, "B", 1), (3, "A", 1)))


@given(_deliveries([placed(1, *ORDER), confirmed(1), *PARTS]))
def test_an_order_shipped_in_parts_ends_the_same_in_whatever_order_it_is_told(facts: list[Any]) -> None:
    assert _end(facts) == (State.SHIPPED, {"A": (3, 0, 0), "B": (2, 0, 0)}, [0, 3])


@given(_deliveries([placed(1, *ORDER), confirmed(1), *PARTS[:2]]))
def test_what_is_not_shipped_yet_stays_held(facts: list[Any]) -> None:
    assert _end(facts) == (State.PARTIALLY_SHIPPED, {"A": (4, 1, 0), "B": (3, 1, 0)}, [0, 2])


REST = lines_cancelled(1, (2, "B", 1), (3, "A", 1))


@given(_deliveries([placed(1, *ORDER), confirmed(1), *PARTS[:2], REST]))
def test_an_order_closed_short_ends_the_same_in_whatever_order_it_is_told(facts: list[Any]) -> None:
    assert _end(facts) == (State.SHIPPED, {"A": (4, 0, 0), "B": (3, 0, 0)}, [1, 2])


def test_cancelled_lines_give_back_what_they_held_and_serve_the_next_at_once() -> None:
    house = _house(A=5)
    house.tell(placed(1, ("A", 5)), confirmed(1), *shipped_in_parts(1, ((1, "A", 2),)), placed(2, ("A", 3)))
    house.events.clear()
    house.tell(lines_cancelled(1, (1, "A", 3)))
    (released,) = house.told(InventoryReleased)
    assert (released.reason, [line.held for line in released.lines]) == (ReleaseReason.LINES_CANCELLED, [3])
    assert [event.order_id for event in house.told(InventoryReserved)] == [an_id(2)]
    assert house.stock() == {"A": (3, 3, 0)}
    line = house.order(1).lines[0]
    assert (line.held, line.shipped, line.cancelled, house.order(1).state) == (0, 2, 3, State.SHIPPED)
    house.check()


@pytest.mark.parametrize(
    "before",
    [
        [cancelled(1, ("A", 3))],
        [placed(1, ("A", 3)), cancelled(1, ("A", 3))],
        [placed(1, ("A", 3), ("X", 1))],
        [placed(1, ("A", 9))],
    ],
    ids=["tombstone", "cancelled", "unknown item", "waits for all of it"],
)
def test_cancelled_lines_are_answered_once_also_where_nothing_is_held(before: list[Any]) -> None:
    house = _house(A=0)
    house.tell(*before)
    house.events.clear()
    cancellation = lines_cancelled(1, (1, "A", 2))
    house.tell(cancellation, cancellation)
    assert [(released.reason, released.lines) for released in house.told(InventoryReleased)] == [
        (ReleaseReason.LINES_CANCELLED, ())
    ]
    house.check()


@given(_deliveries([placed(1, *ORDER), confirmed(1), cancelled(1, *ORDER)]))
def test_a_cancelled_order_ends_the_same_in_whatever_order_it_is_told(facts: list[Any]) -> None:
    assert _end(facts) == (None, {"A": (7, 0, 0), "B": (4, 0, 0)}, [1, 0])


WANTS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 6)), min_size=1, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.integers(1, 8)),
        st.tuples(st.just("cancel"), st.integers(1, 8)),
        st.tuples(st.just("A"), st.integers(1, 6)),
        st.tuples(st.just("B"), st.integers(1, 6)),
    ),
    max_size=40,
)


@given(wants=st.lists(WANTS, min_size=8, max_size=8), steps=STEPS)
def test_any_mix_of_orders_cancels_and_receipts_keeps_the_books_and_starves_nobody(
    wants: list[list[tuple[str, int]]], steps: list[tuple[str, int]]
) -> None:
    house = _house(A=3, B=3)
    for step, number in steps:
        if step == "place":
            house.tell(placed(number, *wants[number - 1]))
        elif step == "cancel":
            house.tell(cancelled(number, *wants[number - 1]))
        else:
            house.receive((step, number))
        house.check()
    house.receive(("A", 200), ("B", 200))
    house.check()
    assert not any(item[2] for item in house.stock().values())
    reserved = [event.order_id for event in house.told(InventoryReserved)]
    assert len(reserved) == len(set(reserved))
