"""Moving held stock out."""

from __future__ import annotations

from dataclasses import replace

from chassis.money import Money
from inventory_svc.domain.reservation import Reservation, Shipment, State
from inventory_svc.domain.shipping import Shipping, ship_held
from tests.inventory_svc.builders import COST, a_reservation, an_id, an_item

SHIPMENT = Shipment(an_id(7), ((1, 3), (2, 2), (3, 1)))


def _held() -> Reservation:
    order = a_reservation(1, ("A", 3), ("B", 2), ("A", 1))
    return replace(order, lines=tuple(line.took(line.quantity) for line in order.lines)).confirmed()


def _ship(reservation: Reservation) -> Shipping:
    ids = iter(range(100, 200))
    stock = {"A": an_item("A", on_hand=10, reserved=5), "B": an_item("B", on_hand=2, reserved=2)}
    return ship_held(reservation, stock, lambda: an_id(next(ids)), "cause")


def test_a_shipment_lowers_on_hand_and_reserved() -> None:
    shipping = _ship(_held().with_shipment(SHIPMENT))
    assert shipping.stock == {"A": an_item("A", on_hand=6, reserved=1, movement_count=2), "B": an_item("B", movement_count=1)}
    assert shipping.reservation.state is State.SHIPPED
    assert [line.shipped for line in shipping.reservation.lines] == [3, 2, 1]


def test_every_line_has_its_movement_and_says_what_was_left() -> None:
    movements = _ship(_held().with_shipment(SHIPMENT)).movements
    assert [(m.sku, m.number, m.quantity, m.source.line_number, m.on_hand_after) for m in movements] == [
        ("A", 1, -3, 1, 7),
        ("B", 1, -2, 2, 0),
        ("A", 2, -1, 3, 6),
    ]
    assert [m.value_change.minor_units for m in movements] == [-3 * 1200, -2 * 1200, -1200]
    assert {m.source.source_id for m in movements} == {SHIPMENT.fulfillment_id}


def test_stock_shipped_carries_the_cost_of_each_unit_and_of_all() -> None:
    (event,) = _ship(_held().with_shipment(SHIPMENT)).events
    assert {line.unit_cost for line in event.lines} == {COST}
    assert event.value == Money("EUR", 6 * 1200)


def test_what_is_not_held_is_not_shipped() -> None:
    order = _held()
    short = replace(order, lines=(replace(order.lines[0], held=2), *order.lines[1:]))
    shipping = _ship(short.with_shipment(SHIPMENT))
    assert (shipping.events, shipping.movements) == ([], [])
    assert not shipping.reservation.shipments[0].is_done


def test_a_shipment_that_left_does_not_leave_again() -> None:
    assert _ship(_held().with_shipment(replace(SHIPMENT, is_done=True))).events == []


def test_a_shipment_of_an_unlocked_sku_waits() -> None:
    shipping = ship_held(_held().with_shipment(SHIPMENT), {"A": an_item(on_hand=9, reserved=9)}, lambda: "", "cause")
    assert shipping.events == []
