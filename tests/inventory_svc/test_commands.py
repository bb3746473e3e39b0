"""CreateItem, UpdateItem, ReceiveStock and AdjustStock, decided in memory."""

from __future__ import annotations

import pytest

from chassis.errors import Violation
from chassis.money import Money
from chassis.world import SYSTEM, Context, World
from inventory_svc.commands import create_item
from inventory_svc.domain.commands import CreateItem
from inventory_svc.domain.errors import (
    ForeignCurrency,
    ItemChanged,
    ItemExists,
    ItemNotFound,
    SkuLikeAnOrder,
    StockInUse,
    TooValuable,
    UnknownItems,
)
from inventory_svc.domain.events import InventoryReserved, StockAdjusted, StockReceived, StockShipped
from inventory_svc.domain.stock import MovementReason
from tests.inventory_svc.builders import COST, NOON, Warehouse, an_id, cancelled, confirmed, placed, shipped_in_parts


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
    moved = [event.movement for event in events]
    assert [(m.sku, m.quantity, m.value_change, m.source.reason) for m in moved] == [
        ("B", 4, Money("EUR", 4800), MovementReason.RECEIPT),
        ("A", 3, Money("EUR", 3600), MovementReason.RECEIPT),
    ]
    assert {m.movement_id for m in moved} == {m.movement_id for m in house.movements()}
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


def test_an_adjustment_moves_stock_and_tells_each_sku_with_what_it_gained_or_lost() -> None:
    house = Warehouse()
    house.create("A", "B")
    house.receive(("A", 5))
    adjustment = house.adjust(("B", 2), ("A", -3), reason=MovementReason.DAMAGED)
    assert house.stock() == {"A": (2, 0, 0), "B": (2, 0, 0)}
    moved = [(event.movement, event.adjustment_id) for event in house.told(StockAdjusted)]
    assert [(m.sku, m.quantity, m.value_change, m.source.reason) for m, _ in moved] == [
        ("B", 2, Money("EUR", 2400), MovementReason.DAMAGED),
        ("A", -3, Money("EUR", -3600), MovementReason.DAMAGED),
    ]
    assert {m.source.source_id for m, _ in moved} == {told for _, told in moved} == {adjustment.adjustment_id}
    house.check()


def test_an_adjustment_up_serves_the_queue_as_a_receipt_does() -> None:
    house = Warehouse()
    house.create("A", "B")
    house.tell(placed(1, ("A", 3)), placed(2, ("A", 1), ("B", 1)), placed(3, ("A", 2)))
    assert house.adjust(("A", 4), ("B", 1), reason=MovementReason.FOUND).completed_order_ids == (an_id(1), an_id(2))
    assert [event.order_id for event in house.told(InventoryReserved)] == [an_id(1), an_id(2)]
    assert house.adjust(("A", 1)).completed_order_ids == ()
    assert house.held(3) == [1]
    house.check()


def test_an_adjustment_below_what_is_held_is_refused_whole_and_names_the_holders() -> None:
    house = Warehouse()
    house.create("A", "B")
    house.receive(("A", 5), ("B", 5))
    house.tell(placed(2, ("A", 1)), placed(1, ("A", 2)), placed(3, ("A", 1)), cancelled(3, ("A", 1)))
    before = (house.stock(), len(house.events))
    with pytest.raises(StockInUse) as refused:
        house.adjust(("B", -1), ("A", -3))
    (violation,) = refused.value.violations
    assert violation.field == "lines[1].quantity"
    assert violation.message.endswith(f"5 on hand, 3 held for orders such as {an_id(1)}, {an_id(2)}")
    assert (house.stock(), len(house.events)) == before


def test_an_adjustment_of_unknown_items_names_every_such_line() -> None:
    with pytest.raises(UnknownItems) as refused:
        Warehouse().adjust(("X", 1))
    assert refused.value.violations == (Violation("lines[0].sku", "sku.exists", "there is no item X"),)


def test_a_cost_change_revalues_what_is_on_hand_and_moves_nothing() -> None:
    house = Warehouse()
    house.create("A")
    house.receive(("A", 5))
    house.update("A", cost=Money("EUR", 1500))
    assert house.item("A").on_hand == 5
    (event,) = house.told(StockAdjusted)
    movement = event.movement
    assert (movement.quantity, movement.unit_cost, movement.value_change) == (0, Money("EUR", 1500), Money("EUR", 1500))
    assert (event.adjustment_id, movement.source.reason) == (None, MovementReason.COST_CHANGED)
    house.update("A", cost=Money("EUR", 0))
    assert house.told(StockAdjusted)[-1].movement.value_change == Money("EUR", -7500)
    house.check()


def test_a_shipment_leaves_at_the_cost_of_its_moment() -> None:
    house = Warehouse()
    house.create("A")
    house.receive(("A", 5))
    house.tell(placed(1, ("A", 3)), confirmed(1))
    first, last = shipped_in_parts(1, ((1, "A", 1),), ((1, "A", 2),))
    house.tell(first)
    house.update("A", cost=Money("EUR", 2000))
    house.tell(last)
    assert [event.value.minor_units for event in house.told(StockShipped)] == [1200, 4000]
    house.check()


def test_a_rename_tells_nobody_and_what_is_so_already_changes_nothing() -> None:
    house = Warehouse()
    house.create("A")
    house.update("A", name="lamp")
    assert (house.item("A").name, house.world.version(house.item("A")), house.events) == ("lamp", 2, [])
    for same in (house.update("A", name="lamp", cost=COST), house.update("A", cost=COST), house.update("A", name="lamp")):
        assert (same.changed, same.events, same.result) == ((), (), house.item("A"))


def test_a_change_of_an_item_is_refused_where_it_is_not_what_the_caller_saw() -> None:
    house = Warehouse()
    with pytest.raises(ItemNotFound, match="no item A"):
        house.update("A", name="lamp")
    house.create("A")
    house.receive(("A", 1))
    with pytest.raises(ItemChanged, match="version 2, not 1"):
        house.update("A", name="lamp", expected_version=1)
    house.update("A", name="lamp", expected_version=2)
    with pytest.raises(ForeignCurrency):
        house.update("A", cost=Money("USD", 1))


def test_a_revaluation_that_is_no_amount_of_money_is_refused_at_its_field() -> None:
    house = Warehouse()
    house.create("A")
    for _ in range(10):
        house.receive(("A", 1_000_000))
    with pytest.raises(TooValuable) as refused:
        house.update("A", cost=Money("EUR", 1_000_000_000))
    assert [violation.field for violation in refused.value.violations] == ["standard_cost.minor_units"]
