"""Joining, leaving and walking the queue of a SKU."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import pytest

from inventory_svc.domain import backorder
from inventory_svc.domain.reservation import Reservation
from inventory_svc.domain.stock import StockItem
from tests.inventory_svc.builders import NOON, a_reservation, an_item


def _held(reservation: Reservation) -> list[int]:
    return [line.held for line in reservation.lines]


@dataclass(frozen=True)
class Waiters:
    """Who waits, and what else is in stock."""

    read: Callable[[], Iterable[Reservation]]
    others: tuple[StockItem, ...] = ()

    def orders(self, skus: Collection[str]) -> Iterable[Reservation]:
        """All of them."""
        return self.read()

    def item(self, sku: str) -> StockItem | None:
        """One of the others."""
        return next((item for item in self.others if item.sku == sku), None)


def _queue(*orders: Reservation, others: tuple[StockItem, ...] = ()) -> Waiters:
    """A queue that all of these wait in."""
    return Waiters(lambda: sorted(orders, key=lambda order: order.queue_place), others)


def test_a_new_order_takes_what_is_free_and_waits_for_the_rest() -> None:
    joined, stock = backorder.join(a_reservation(1, ("A", 8)), {"A": an_item(on_hand=6)}, NOON)
    assert _held(joined) == [6]
    assert stock == {"A": an_item(on_hand=6, reserved=6, backordered=2)}


def test_a_new_order_takes_nothing_where_somebody_waits() -> None:
    joined, stock = backorder.join(a_reservation(2, ("A", 1)), {"A": an_item(on_hand=6, reserved=5, backordered=1)}, NOON)
    assert _held(joined) == [0]
    assert stock["A"].backordered == 2


def test_two_lines_of_one_sku_take_in_turn() -> None:
    joined, stock = backorder.join(a_reservation(1, ("A", 3), ("A", 4)), {"A": an_item(on_hand=5)}, NOON)
    assert _held(joined) == [3, 2]
    assert stock["A"] == an_item(on_hand=5, reserved=5, backordered=2)


def test_the_queue_is_served_by_time_of_placing_and_nobody_overtakes() -> None:
    stock = {"A": an_item(on_hand=5, backordered=9)}
    older, younger = a_reservation(2, ("A", 6), minute=1), a_reservation(1, ("A", 3), minute=2)
    walk = backorder.walk(stock, _queue(younger, older), NOON)
    assert [(r.order_id, _held(r)) for r in walk.served] == [(older.order_id, [5])]
    assert walk.completed == ()
    assert walk.stock["A"] == an_item(on_hand=5, reserved=5, backordered=4)


def test_a_walk_completes_orders_in_queue_order() -> None:
    orders = [a_reservation(n, ("A", 2)) for n in (3, 1, 2)]
    walk = backorder.walk({"A": an_item(on_hand=5, backordered=6)}, _queue(*orders), NOON)
    assert [r.order_id for r in walk.completed] == [orders[1].order_id, orders[2].order_id]
    assert _held(walk.served[-1]) == [1]


def test_a_walk_leaves_lines_on_other_skus_alone() -> None:
    walk = backorder.walk({"A": an_item(on_hand=5, backordered=2)}, _queue(a_reservation(1, ("B", 1), ("A", 2))), NOON)
    assert _held(walk.served[0]) == [0, 2]
    assert walk.completed == ()


def test_nobody_is_asked_for_when_there_is_nothing_to_give() -> None:
    stock = {"A": an_item(on_hand=5), "B": an_item("B", backordered=3)}
    walk = backorder.walk(stock, Waiters(lambda: pytest.fail("the queue was read")), NOON)
    assert (walk.stock, walk.served) == (stock, ())


def test_the_queue_is_read_only_as_far_as_the_stock_lasts() -> None:
    def queue() -> Iterator[Reservation]:
        yield a_reservation(1, ("A", 2))
        pytest.fail("the queue was read on")

    assert len(backorder.walk({"A": an_item(on_hand=2, backordered=9)}, Waiters(queue), NOON).completed) == 1


def test_who_leaves_gives_back_only_what_he_held() -> None:
    order = a_reservation(1, ("A", 3), ("B", 2))
    half = replace(order, lines=(order.lines[0].took(3), order.lines[1]))
    stock = {"A": an_item(on_hand=9, reserved=7), "B": an_item("B", backordered=6)}
    released, after = backorder.leave(half, stock)
    assert released == (half.lines[0],)
    assert after == {"A": an_item(on_hand=9, reserved=4), "B": an_item("B", backordered=4)}


def test_who_never_joined_leaves_nothing_behind() -> None:
    stock = {"A": an_item(on_hand=9, reserved=7)}
    assert backorder.leave(a_reservation(1, ("A", 3)).rejected(), stock) == ((), stock)


def test_only_items_that_differ_are_changed() -> None:
    before = {"A": an_item(on_hand=1), "B": an_item("B")}
    after = {"A": an_item(on_hand=1), "B": an_item("B", on_hand=2)}
    assert backorder.changed(before, after) == (after["B"],)


def _whole(order: Reservation) -> Reservation:
    return order.released_held()


def test_who_takes_all_or_nothing_is_completed_at_once_with_stock_of_other_items() -> None:
    order = _whole(a_reservation(1, ("A", 2), ("B", 3), ("A", 1)))
    other = an_item("B", on_hand=4, backordered=3, backordered_whole=3)
    stock = {"A": an_item(on_hand=4, backordered=3, backordered_whole=3)}
    walk = backorder.walk(stock, _queue(order, others=(other,)), NOON)
    assert [(_held(r), r.is_complete) for r in walk.completed] == [([2, 3, 1], True)]
    assert walk.stock == {"A": an_item(on_hand=4, reserved=3), "B": an_item("B", on_hand=4, reserved=3)}
    assert {line.take_time for line in walk.served[0].lines} == {NOON}


@pytest.mark.parametrize("others", [(an_item("B", on_hand=2, backordered=3, backordered_whole=3),), ()])
def test_who_cannot_be_completed_is_passed_over_and_takes_nothing(others: tuple[StockItem, ...]) -> None:
    first, second = _whole(a_reservation(1, ("A", 2), ("B", 3))), a_reservation(2, ("A", 5))
    stock = {"A": an_item(on_hand=4, backordered=7, backordered_whole=2)}
    walk = backorder.walk(stock, _queue(first, second, others=others), NOON)
    assert [(r.order_id, _held(r)) for r in walk.served] == [(second.order_id, [4])]
    assert walk.stock == {"A": an_item(on_hand=4, reserved=4, backordered=3, backordered_whole=2)}


def test_who_is_passed_over_leaves_other_items_as_they_are_to_those_behind() -> None:
    first, second = _whole(a_reservation(1, ("B", 3), ("A", 5))), a_reservation(2, ("A", 1), ("B", 1))
    others = (an_item("B", on_hand=9, backordered=4, backordered_whole=3),)
    stock = {"A": an_item(on_hand=4, backordered=6, backordered_whole=5)}
    walk = backorder.walk(stock, _queue(first, second, others=others), NOON)
    assert [(r.order_id, _held(r)) for r in walk.served] == [(second.order_id, [1, 0])]
    assert walk.stock == {"A": an_item(on_hand=4, reserved=1, backordered=5, backordered_whole=5)}


@pytest.mark.parametrize(("on_hand", "held", "rest"), [(4, [[3], [1]], [6, 2]), (6, [[3], [2], [1]], [4, 0])])
def test_who_takes_all_or_nothing_gets_only_what_those_ahead_have_left(
    on_hand: int, held: list[list[int]], rest: list[int]
) -> None:
    """Three who wait for 3, for 2 at once, and for 5: the last takes whatever is left."""
    orders = a_reservation(1, ("A", 3)), _whole(a_reservation(2, ("A", 2))), a_reservation(3, ("A", 5))
    stock = {"A": an_item(on_hand=on_hand, backordered=10, backordered_whole=2)}
    walk = backorder.walk(stock, _queue(*orders), NOON)
    assert walk.stock["A"].available == 0
    assert [_held(r) for r in walk.served] == held
    assert [walk.stock["A"].backordered, walk.stock["A"].backordered_whole] == rest


def test_who_stands_ahead_is_asked_first_even_if_he_takes_all_or_nothing() -> None:
    first, second = _whole(a_reservation(1, ("A", 3))), a_reservation(2, ("A", 5))
    stock = {"A": an_item(on_hand=4, backordered=8, backordered_whole=3)}
    walk = backorder.walk(stock, _queue(first, second), NOON)
    assert [_held(r) for r in walk.served] == [[3], [1]]


def test_a_new_order_takes_what_only_those_wait_for_who_cannot_use_it() -> None:
    joined, stock = backorder.join(
        a_reservation(2, ("A", 3)), {"A": an_item(on_hand=2, backordered=4, backordered_whole=4)}, NOON
    )
    assert _held(joined) == [2]
    assert stock["A"] == an_item(on_hand=2, reserved=2, backordered=5, backordered_whole=4)


def test_who_releases_what_he_holds_waits_for_all_of_it() -> None:
    order = a_reservation(1, ("A", 3), ("B", 2))
    half = replace(order, lines=(order.lines[0].took(3), order.lines[1].took(1)))
    stock = {"A": an_item(on_hand=9, reserved=7), "B": an_item("B", on_hand=1, reserved=1, backordered=6)}
    assert backorder.release_held(half, stock) == {
        "A": an_item(on_hand=9, reserved=4, backordered=3, backordered_whole=3),
        "B": an_item("B", on_hand=1, backordered=7, backordered_whole=2),
    }
    assert backorder.leave(half.released_held(), backorder.release_held(half, stock)) == (
        (),
        {"A": an_item(on_hand=9, reserved=4), "B": an_item("B", on_hand=1, backordered=5)},
    )


def test_who_was_completed_at_once_gives_back_what_he_held() -> None:
    order = _whole(a_reservation(1, ("A", 3)))
    full = replace(order, lines=(order.lines[0].took(3),))
    assert backorder.leave(full, {"A": an_item(on_hand=3, reserved=3)}) == (full.lines, {"A": an_item(on_hand=3)})
