"""Joining, leaving and walking the queue of a SKU."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import pytest

from inventory_svc.domain import backorder
from inventory_svc.domain.reservation import Reservation
from tests.inventory_svc.builders import a_reservation, an_item


def _held(reservation: Reservation) -> list[int]:
    return [line.held for line in reservation.lines]


def _queue(*orders: Reservation) -> Callable[[Collection[str]], list[Reservation]]:
    """A queue that all of these wait in."""
    return lambda _skus: sorted(orders, key=lambda order: order.queue_place)


def test_a_new_order_takes_what_is_free_and_waits_for_the_rest() -> None:
    joined, stock = backorder.join(a_reservation(1, ("A", 8)), {"A": an_item(on_hand=6)})
    assert _held(joined) == [6]
    assert stock == {"A": an_item(on_hand=6, reserved=6, backordered=2)}


def test_a_new_order_takes_nothing_where_somebody_waits() -> None:
    joined, stock = backorder.join(a_reservation(2, ("A", 1)), {"A": an_item(on_hand=6, reserved=5, backordered=1)})
    assert _held(joined) == [0]
    assert stock["A"].backordered == 2


def test_two_lines_of_one_sku_take_in_turn() -> None:
    joined, stock = backorder.join(a_reservation(1, ("A", 3), ("A", 4)), {"A": an_item(on_hand=5)})
    assert _held(joined) == [3, 2]
    assert stock["A"] == an_item(on_hand=5, reserved=5, backordered=2)


def test_the_queue_is_served_by_time_of_placing_and_nobody_overtakes() -> None:
    stock = {"A": an_item(on_hand=5, backordered=9)}
    older, younger = a_reservation(2, ("A", 6), minute=1), a_reservation(1, ("A", 3), minute=2)
    walk = backorder.walk(stock, _queue(younger, older))
    assert [(r.order_id, _held(r)) for r in walk.served] == [(older.order_id, [5])]
    assert walk.completed == ()
    assert walk.stock["A"] == an_item(on_hand=5, reserved=5, backordered=4)


def test_a_walk_completes_orders_in_queue_order() -> None:
    orders = [a_reservation(n, ("A", 2)) for n in (3, 1, 2)]
    walk = backorder.walk({"A": an_item(on_hand=5, backordered=6)}, _queue(*orders))
    assert [r.order_id for r in walk.completed] == [orders[1].order_id, orders[2].order_id]
    assert _held(walk.served[-1]) == [1]


def test_a_walk_leaves_lines_on_other_skus_alone() -> None:
    walk = backorder.walk({"A": an_item(on_hand=5, backordered=2)}, _queue(a_reservation(1, ("B", 1), ("A", 2))))
    assert _held(walk.served[0]) == [0, 2]
    assert walk.completed == ()


def test_nobody_is_asked_for_when_there_is_nothing_to_give() -> None:
    stock = {"A": an_item(on_hand=5), "B": an_item("B", backordered=3)}
    walk = backorder.walk(stock, lambda _skus: pytest.fail("the queue was read"))
    assert (walk.stock, walk.served) == (stock, ())


def test_the_queue_is_read_only_as_far_as_the_stock_lasts() -> None:
    def queue(_skus: Collection[str]) -> Iterator[Reservation]:
        yield a_reservation(1, ("A", 2))
        pytest.fail("the queue was read on")

    assert len(backorder.walk({"A": an_item(on_hand=2, backordered=9)}, queue).completed) == 1


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
