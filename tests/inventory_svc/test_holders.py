"""Who holds stock of a SKU: looked up in bounds, and as the batch has left it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from chassis.world import Aggregate, World
from inventory_svc import holders
from inventory_svc.domain.adjustment import Holders
from inventory_svc.domain.errors import MAX_HOLDERS
from inventory_svc.domain.reservation import Reservation
from inventory_svc.domain.stock import StockItem
from inventory_svc.store import STORE
from tests.inventory_svc.builders import NOON, a_reservation, an_id, an_item


def _held(number: int, *skus: str) -> Reservation:
    order = a_reservation(number, *((sku, 2) for sku in skus))
    return replace(order, lines=tuple(line.took(1) for line in order.lines))


def _world(found: dict[str, set[str]], *changed: Reservation) -> World:
    world = World(extra={holders.EXTRA: found})
    for order in changed:
        world.put(order, NOON)
    return world


def test_those_that_hold_are_found_by_id_each_once_and_not_all(engine: sa.Engine) -> None:
    held = [_held(number, "A", "A") for number in range(MAX_HOLDERS + 3, 0, -1)]
    world = World(stream_kinds=frozenset({StockItem, Reservation}))
    stored: list[Aggregate] = [an_item("A"), an_item("B"), *held, _held(90, "B"), a_reservation(91, ("A", 1))]
    for each in stored:
        world.put(each, NOON)
    with engine.connect() as connection:
        STORE.save(connection, world)
        loaded = STORE.load(connection, frozenset({(StockItem, "A"), (Holders, "A"), (Holders, "B"), (Holders, "C")}))
        connection.rollback()
    assert holders.first_holders(loaded, "A") == tuple(an_id(number) for number in range(1, MAX_HOLDERS + 1))
    assert holders.first_holders(loaded, "B") == (an_id(90),)
    assert holders.first_holders(loaded, "C") == ()


@pytest.mark.parametrize("found", [{}, {"A": {an_id(1), an_id(2)}}])
def test_what_the_batch_has_changed_counts(found: dict[str, set[str]]) -> None:
    gave_back = _held(1, "A").cancelled(None)
    expected = sorted({*found.get("A", ()), an_id(3)} - {an_id(1)})
    assert list(holders.first_holders(_world(found, gave_back, _held(3, "A"), _held(4, "B")), "A")) == expected
