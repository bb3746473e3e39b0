"""What an operator does with those who wait, decided in memory; and that nobody overtakes or starves whatever he does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.world import SYSTEM, Context, World
from inventory_svc.domain.announcement import AnnouncedLine, Announcement, State
from inventory_svc.domain.commands import AnnounceStock, PrioritizeBackorder, ReleaseHeld
from inventory_svc.domain.errors import (
    ExpectedInThePast,
    HoldsNothing,
    NotWaiting,
    ReservationChanged,
    ReservationNotFound,
    UnknownItems,
)
from inventory_svc.domain.events import InventoryReleased, InventoryReserved, ReleaseReason
from inventory_svc.queue_commands import announce_stock, prioritize_backorder, release_held
from tests.inventory_svc.builders import NOON, Warehouse, an_id, an_item, cancelled, placed

HOUR = timedelta(hours=1)


def _house(*skus: str) -> Warehouse:
    house = Warehouse()
    house.create(*skus)
    return house


def _mutual() -> Warehouse:
    """Order 2 holds all of A and misses B; order 1, read later, stands ahead, holds all of B and misses A."""
    house = _house("A", "B")
    house.receive(("A", 2))
    house.tell(placed(2, ("A", 2), ("B", 2)))
    house.tell(placed(1, ("A", 2), ("B", 2)))
    house.receive(("B", 2))
    assert (house.held(1), house.held(2)) == ([0, 2], [2, 0])
    house.events.clear()
    return house


def test_who_is_moved_ahead_is_served_first_and_takes_nothing_that_others_hold() -> None:
    house = _house("A")
    house.receive(("A", 1))
    house.tell(placed(1, ("A", 2)), placed(2, ("A", 2)), placed(3, ("A", 2)))
    house.prioritize(3, 5)
    assert [house.held(n) for n in (1, 2, 3)] == [[1], [0], [0]]
    assert house.receive(("A", 2)) == (an_id(3),)
    house.prioritize(2, 9)
    assert house.receive(("A", 3)) == (an_id(2), an_id(1))
    house.check()


def test_who_is_moved_back_waits_behind_the_others() -> None:
    house = _house("A")
    house.tell(placed(1, ("A", 2)), placed(2, ("A", 2)))
    house.prioritize(1, 3)
    house.prioritize(1, 0)
    house.prioritize(2, 1)
    assert house.receive(("A", 2)) == (an_id(2),)
    house.check()


def test_the_held_part_of_one_completes_the_other_and_the_next_receipt_completes_him_at_once() -> None:
    house = _mutual()
    house.release_held(1)
    released, reserved = house.events
    assert (released.order_id, released.reason) == (an_id(1), ReleaseReason.HOLD_RELEASED)
    assert [(line.line_number, line.sku, line.held) for line in released.lines] == [(2, "B", 2)]
    assert reserved.order_id == an_id(2)
    assert (house.held(1), house.held(2)) == ([0, 0], [2, 2])
    house.check()
    assert house.receive(("A", 5)) == ()
    assert house.item("A").available == 5, "nothing is kept for who could not be completed"
    assert house.receive(("B", 2)) == (an_id(1),)
    assert house.held(1) == [2, 2]
    house.check()


def test_a_new_order_may_take_what_who_takes_all_or_nothing_cannot_use() -> None:
    house = _mutual()
    house.release_held(1)
    house.receive(("A", 5))
    house.tell(placed(9, ("A", 4)))
    assert house.held(9) == [4]
    assert house.receive(("B", 2)) == ()
    assert house.receive(("A", 1)) == (an_id(1),)
    house.check()


def test_who_waits_whole_leaves_nothing_behind_when_cancelled() -> None:
    house = _mutual()
    house.release_held(1)
    house.tell(cancelled(1, ("A", 2), ("B", 2)))
    assert house.told(InventoryReleased)[-1].lines == ()
    assert house.stock() == {"A": (2, 2, 0), "B": (2, 2, 0)}
    house.check()


def test_a_cancel_completes_who_waits_whole_for_several_items() -> None:
    house = _mutual()
    house.release_held(1)
    house.receive(("B", 2))
    house.tell(cancelled(2, ("A", 2), ("B", 2)))
    assert house.held(1) == [2, 2]
    assert house.told(InventoryReserved)[-1].order_id == an_id(1)
    house.check()


def _ask(decide: Any, command: Any, world: World) -> Any:
    return decide(world, command, Context(NOON, SYSTEM, lambda: an_id(7_000_000)))


@pytest.mark.parametrize(
    ("decide", "command"),
    [
        (prioritize_backorder, lambda order_id, version: PrioritizeBackorder(order_id, 5, version)),
        (release_held, lambda order_id, version: ReleaseHeld(order_id, version)),
    ],
)
def test_only_an_order_that_waits_and_is_as_the_caller_saw_it_can_be_moved(decide: Any, command: Any) -> None:
    house = _mutual()
    house.tell(placed(5, ("A", 1)), cancelled(5, ("A", 1)))
    before = house.stock(), len(house.events)
    with pytest.raises(ReservationNotFound):
        _ask(decide, command(an_id(99), None), house.world)
    with pytest.raises(ReservationChanged, match="version 2, not 1"):
        _ask(decide, command(an_id(1), 1), house.world)
    with pytest.raises(NotWaiting, match="RELEASED") as refused:
        _ask(decide, command(an_id(5), None), house.world)
    assert "/v1/inventory/backorders" in refused.value.hint
    assert (house.stock(), len(house.events)) == before
    assert _ask(decide, command(an_id(1), 2), house.world).result.order_id == an_id(1)


def test_what_holds_nothing_cannot_be_released_again() -> None:
    house = _mutual()
    house.release_held(1)
    with pytest.raises(HoldsNothing) as refused:
        house.release_held(1)
    assert "mutual_hold_with" in refused.value.hint
    house.check()


def _announce(world: World, reference: str, sku: str = "A", *, at: timedelta = HOUR) -> Announcement:
    context = Context(NOON, SYSTEM, lambda: an_id(8_000_000 + len(world.rows)))
    decision = announce_stock(world, AnnounceStock(reference, NOON + at, (AnnouncedLine(sku, 5),)), context)
    world.apply(decision, NOON)
    announced: Announcement = decision.result
    return announced


def _states(world: World) -> list[State]:
    return [announcement.state for announcement in world.all(Announcement)]


def test_announcing_a_reference_again_replaces_what_was_open_under_it() -> None:
    house = _house("A")
    first, other = _announce(house.world, "PO-1"), _announce(house.world, "PO-2")
    again = _announce(house.world, "PO-1")
    assert _states(house.world) == [State.REPLACED, State.OPEN, State.OPEN]
    assert [each.replaced_by for each in house.world.all(Announcement)] == [again.key, None, None]
    assert len({first.key, other.key, again.key}) == 3


def test_a_receipt_closes_what_is_announced_under_its_reference_whatever_it_brings() -> None:
    house = _house("A")
    _announce(house.world, "PO-1"), _announce(house.world, "PO-2")
    house.receive(("A", 1))
    assert _states(house.world) == [State.RECEIVED, State.OPEN]
    house.receive(("A", 1))
    assert _announce(house.world, "PO-1").is_open


def test_nothing_is_announced_for_the_past_or_for_unknown_items() -> None:
    world = World()
    with pytest.raises(UnknownItems) as unknown:
        _announce(world, "PO-1", "X")
    assert [violation.field for violation in unknown.value.violations] == ["lines[0].sku"]
    world.put(an_item("A"), NOON)
    with pytest.raises(ExpectedInThePast) as past:
        _announce(world, "PO-1", at=-timedelta(milliseconds=1))
    assert [violation.field for violation in past.value.violations] == ["expected_time"]
    assert "receipt" in past.value.hint
    assert world.all(Announcement) == []
    assert _announce(world, "PO-1", at=timedelta()).is_open


ORDERS = 8
WANTS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 6)), min_size=1, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["place", "place", "cancel", "release"]), st.integers(1, ORDERS)),
        st.tuples(st.just("prioritize"), st.integers(1, ORDERS), st.integers(0, 9)),
        st.tuples(st.sampled_from("AB"), st.integers(1, 6)),
    ),
    max_size=50,
)


def _try(house: Warehouse, step: tuple[Any, ...], wants: Sequence[Sequence[tuple[str, int]]]) -> None:
    """Do one step; one that the order's state forbids is refused, and has to change nothing."""
    name, number, *rest = step
    before = house.stock(), len(house.events)
    try:
        match name:
            case "place":
                house.tell(placed(number, *wants[number - 1]))
            case "cancel":
                house.tell(cancelled(number, *wants[number - 1]))
            case "release":
                house.release_held(number)
            case "prioritize":
                house.prioritize(number, rest[0])
            case _:
                house.receive((name, number))
    except (ReservationNotFound, NotWaiting, HoldsNothing):
        assert (house.stock(), len(house.events)) == before


@given(wants=st.lists(WANTS, min_size=ORDERS, max_size=ORDERS), steps=STEPS)
def test_whatever_is_done_nobody_overtakes_and_with_enough_stock_everybody_is_served(
    wants: list[list[tuple[str, int]]], steps: list[tuple[Any, ...]]
) -> None:
    house = _house("A", "B")
    for step in steps:
        _try(house, step, wants)
        house.check()
    house.receive(("A", 200))
    house.check()
    house.receive(("B", 200))
    house.check()
    assert not any(backordered for _, _, backordered in house.stock().values())
    reserved = [event.order_id for event in house.told(InventoryReserved)]
    assert len(reserved) == len(set(reserved)), "an order is completed once"


@given(
    st.permutations(range(1, ORDERS + 1)),
    st.lists(
        st.one_of(
            st.tuples(st.just("receive"), st.integers(1, 9)),
            st.tuples(st.just("cancel"), st.integers(1, ORDERS)),
            st.tuples(st.just("prioritize"), st.integers(1, ORDERS), st.integers(0, 9)),
        ),
        max_size=30,
    ),
)
def test_receipts_and_cancels_complete_orders_in_strict_queue_order(wants: Sequence[int], steps: list[tuple[Any, ...]]) -> None:
    house, missing, priority = _house("A"), dict(enumerate(wants, 1)), dict.fromkeys(range(1, ORDERS + 1), 0)
    held: dict[int, int] = dict.fromkeys(missing, 0)
    completed: list[str] = []
    for number, quantity in missing.items():
        house.tell(placed(number, ("A", quantity)))
    for name, number, *rest in steps:
        free = 0
        if name == "receive":
            house.receive(("A", number))
            free = number + house.item("A").on_hand - number - sum(held.values())
        elif name == "cancel":
            house.tell(cancelled(number, ("A", wants[number - 1])))
            missing.pop(number, None)
            free = house.item("A").on_hand - sum(held.values()) + held.pop(number, 0)
        elif missing.get(number):
            house.prioritize(number, rest[0])
            priority[number] = rest[0]
        for order in sorted(missing, key=lambda n: (-priority[n], n)):
            taken = min(missing[order], free)
            free, missing[order], held[order] = free - taken, missing[order] - taken, held[order] + taken
            if taken and not missing[order]:
                completed.append(an_id(order))
    assert [event.order_id for event in house.told(InventoryReserved)] == completed
    assert {n: house.held(n)[0] for n in held} == held
    house.check()
