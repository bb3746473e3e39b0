"""CreateItem and ReceiveStock, decided in memory."""

from __future__ import annotations

import pytest

from chassis.errors import Violation
from chassis.money import Money
from chassis.world import SYSTEM, Context, World
from inventory_svc.commands import create_item
from inventory_svc.domain.commands import CreateItem
from inventory_svc.domain.errors import ForeignCurrency, ItemExists, SkuLikeAnOrder, UnknownItems
from inventory_svc.domain.events import InventoryReserved, StockReceived
from inventory_svc.domain.stock import MovementReason
from tests.inventory_svc.builders import COST, NOON, Warehouse, an_id, cancelled, placed


def test_an_item_starts_without_stock() -> None:
    house = Warehouse()
    house.create("A")
    assert house.stock() == {"A": (0, 0, 0)}
    assert house.world.version(house.item("A")) == 1


def test_a_taken_sku_is_refused() -> None:
    house = Warehouse()
    house.create("A")
    with pytest.raises(ItemExists):
        house.create("A")


def test_a_cost_in_another_currency_is_refused_at_its_field() -> None:
    command = CreateItem("A", "A", Money("USD", 5))
    with pytest.raises(ForeignCurrency) as refused:
        create_item("EUR")(World(), command, Context(NOON, SYSTEM, str))
    assert [v.field for v in refused.value.violations] == ["standard_cost.currency_code"]


def test_a_sku_that_looks_like_an_order_is_refused() -> None:
    with pytest.raises(SkuLikeAnOrder):
        create_item("EUR")(World(), CreateItem(an_id(1).upper(), "A", COST), Context(NOON, SYSTEM, str))


def test_a_receipt_raises_stock_and_tells_each_sku_with_its_value() -> None:
    house = Warehouse()
    house.create("A", "B")
    house.receive(("B", 4), ("A", 3))
    assert house.stock() == {"A": (3, 0, 0), "B": (4, 0, 0)}
    events = house.told(StockReceived)
    assert [(e.sku, e.quantity, e.value_change, e.reason) for e in events] == [
        ("B", 4, Money("EUR", 4800), MovementReason.RECEIPT),
        ("A", 3, Money("EUR", 3600), MovementReason.RECEIPT),
    ]
    assert {e.movement_id for e in events} == {m.movement_id for m in house.movements()}
    house.check()


def test_a_receipt_of_unknown_items_names_every_such_line_and_changes_nothing() -> None:
    house = Warehouse()
    house.create("A")
    with pytest.raises(UnknownItems) as refused:
        house.receive(("X", 1), ("A", 2), ("Y", 1))
    assert refused.value.violations == (
        Violation("lines[0].sku", "sku.exists", "there is no item X"),
        Violation("lines[2].sku", "sku.exists", "there is no item Y"),
    )
    assert house.stock() == {"A": (0, 0, 0)}


def test_backorders_are_served_first_come_first_served() -> None:
    house = Warehouse()
    house.create("A")
    house.receive(("A", 6))
    house.tell(placed(1, ("A", 8)), placed(2, ("A", 5)))
    assert (house.held(1), house.held(2)) == ([6], [0])
    assert house.receive(("A", 4)) == (an_id(1),)
    assert (house.held(1), house.held(2)) == ([8], [2])
    assert house.receive(("A", 5)) == (an_id(2),)
    assert house.item("A").available == 2
    assert [e.order_id for e in house.told(InventoryReserved)] == [an_id(1), an_id(2)]
    house.check()


def test_an_older_order_read_later_goes_ahead_but_takes_nothing_already_held() -> None:
    house = Warehouse()
    house.create("A")
    house.receive(("A", 2))
    house.tell(placed(2, ("A", 3), minute=9), placed(1, ("A", 3), minute=1))
    assert (house.held(1), house.held(2)) == ([0], [2])
    house.receive(("A", 2))
    assert (house.held(1), house.held(2)) == ([2], [2])
    assert house.receive(("A", 1)) == (an_id(1),)
    house.check()


def test_an_order_of_several_items_is_reserved_once_when_the_last_one_comes() -> None:
    house = Warehouse()
    house.create("A", "B")
    house.tell(placed(1, ("A", 1), ("B", 1)))
    assert house.receive(("A", 1)) == ()
    assert house.receive(("B", 1)) == (an_id(1),)
    assert house.receive(("A", 5), ("B", 5)) == ()
    assert len(house.told(InventoryReserved)) == 1
    house.check()


def test_cancelled_orders_get_nothing_of_a_receipt() -> None:
    house = Warehouse()
    house.create("A")
    house.tell(placed(1, ("A", 5)), placed(2, ("A", 1)), cancelled(1, ("A", 5)))
    assert house.receive(("A", 3)) == (an_id(2),)
    assert house.item("A").available == 2
    house.check()
