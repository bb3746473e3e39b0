"""Who waits, in queue order, among what was loaded and what joined within the batch."""

from __future__ import annotations

from dataclasses import replace

from chassis.world import Row, World
from inventory_svc import backlog
from inventory_svc.domain.reservation import Reservation
from tests.inventory_svc.builders import NOON, a_reservation, an_id, lines, placing


def _world(*loaded: Reservation) -> World:
    world = World()
    for order in loaded:
        world.add(Row(order, version=1, stored=True))
    backlog.remember(world)
    return world


def _waiting(world: World, *skus: str) -> list[str]:
    return [order.order_id for order in backlog.waiting(world, set(skus))]


def test_loaded_and_new_orders_are_merged_by_their_place() -> None:
    world = _world(a_reservation(1, ("A", 1), minute=5), a_reservation(2, ("A", 1), minute=3))
    world.put(a_reservation(3, ("A", 1), minute=4), NOON)
    world.put(replace(a_reservation(4, ("A", 1), minute=9), priority=1), NOON)
    assert _waiting(world, "A") == [an_id(4), an_id(2), an_id(3), an_id(1)]


def test_an_order_that_waits_for_several_skus_comes_once() -> None:
    world = _world(a_reservation(1, ("A", 1), ("B", 1)), a_reservation(2, ("B", 1)), a_reservation(3, ("C", 1)))
    assert _waiting(world, "A", "B") == [an_id(1), an_id(2)]


def test_orders_are_seen_as_they_are_now() -> None:
    world = _world(a_reservation(1, ("A", 1)), a_reservation(2, ("A", 2)))
    first, second = world.all(Reservation)
    world.put(first.cancelled(None), NOON)
    world.put(replace(second, lines=(second.lines[0].took(1),)), NOON)
    assert [[line.held for line in order.lines] for order in backlog.waiting(world, {"A"})] == [[1]]


def test_an_order_that_was_known_before_it_was_placed_is_found() -> None:
    world = _world(Reservation(an_id(1)).confirmed())
    assert _waiting(world, "A") == []
    world.put(world.all(Reservation)[0].placed(placing(), lines(("A", 1))), NOON)
    assert _waiting(world, "A") == [an_id(1)]
