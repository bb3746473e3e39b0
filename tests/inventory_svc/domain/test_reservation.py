"""The state of a reservation is a function of its facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_svc.domain.reservation import Line, Reservation, State
from tests.inventory_svc.builders import a_reservation, an_id, placing

OPEN = a_reservation(1, ("A", 3), ("B", 2))
FULL = replace(OPEN, lines=tuple(line.took(line.quantity) for line in OPEN.lines))
PART = replace(OPEN, lines=(OPEN.lines[0].took(3), OPEN.lines[1].took(1)))
SENT = replace(FULL, lines=tuple(line.sent(line.quantity) for line in FULL.lines))


@pytest.mark.parametrize(
    ("reservation", "state"),
    [
        (Reservation(an_id(1)), State.PENDING),
        (Reservation(an_id(1)).confirmed(), State.PENDING),
        (Reservation(an_id(1)).cancelled(placing()), State.TOMBSTONE),
        (OPEN, State.BACKORDERED),
        (PART, State.BACKORDERED),
        (PART.confirmed(), State.BACKORDERED),
        (FULL, State.RESERVED),
        (FULL.confirmed(), State.COMMITTED),
        (replace(FULL, lines=(FULL.lines[0].sent(1), FULL.lines[1])).confirmed(), State.PARTIALLY_SHIPPED),
        (SENT, State.SHIPPED),
        (SENT.cancelled(None), State.SHIPPED),
        (FULL.cancelled(None), State.RELEASED),
        (OPEN.cancelled(None), State.RELEASED),
        (OPEN.rejected(), State.REJECTED),
        (OPEN.rejected().cancelled(None), State.REJECTED),
    ],
)
def test_state_follows_from_the_facts(reservation: Reservation, state: State) -> None:
    assert reservation.state is state


@pytest.mark.parametrize("closed", [OPEN.rejected(), OPEN.cancelled(None), Reservation(an_id(1)).cancelled(None)])
def test_a_closed_reservation_waits_for_nothing(closed: Reservation) -> None:
    assert closed.waiting == ()
    assert not closed.is_complete


def test_a_cancelled_reservation_holds_nothing() -> None:
    assert [line.held for line in PART.cancelled(None).lines] == [0, 0]


def test_a_tombstone_keeps_who_placed_the_order() -> None:
    assert Reservation(an_id(1)).cancelled(placing(by="ada")).placing == placing(by="ada")


@pytest.mark.parametrize("numbers", [(3, 4, 0), (3, 2, 2), (3, -1, 0), (3, 0, -1)])
def test_a_line_cannot_hold_or_ship_more_than_was_ordered(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="line 1"):
        Line(1, "A", *numbers)


def test_priority_goes_before_time_and_time_before_the_order_id() -> None:
    late, early, twin = a_reservation(1, minute=9), a_reservation(2, minute=5), a_reservation(3, minute=5)
    urgent = replace(a_reservation(4, minute=11), priority=1)
    assert sorted([late, twin, urgent, early], key=lambda r: r.queue_place) == [urgent, early, twin, late]


def test_an_order_that_was_not_placed_has_no_place_in_the_queue() -> None:
    with pytest.raises(ValueError, match="not placed"):
        _ = Reservation(an_id(1)).queue_place
