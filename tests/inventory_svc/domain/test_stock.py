"""An item's stock can be read in one way only: nobody holds what is not there."""

from __future__ import annotations

import pytest

from tests.inventory_svc.builders import an_item


@pytest.mark.parametrize("numbers", [(0, 1, 0), (5, 6, 0), (5, -1, 0), (-1, 0, 0), (0, 0, -1)])
def test_an_impossible_stock_cannot_be_built(numbers: tuple[int, int, int]) -> None:
    on_hand, reserved, backordered = numbers
    with pytest.raises(ValueError, match="A: "):
        an_item(on_hand=on_hand, reserved=reserved, backordered=backordered)


def test_what_is_held_is_not_available() -> None:
    assert an_item(on_hand=10, reserved=4).available == 6


def test_a_newcomer_may_take_nothing_while_somebody_waits() -> None:
    assert an_item(on_hand=10, reserved=4).free_for_newcomers == 6
    assert an_item(on_hand=10, reserved=4, backordered=1).free_for_newcomers == 0


def test_more_than_is_held_cannot_leave() -> None:
    with pytest.raises(ValueError, match="reserved"):
        an_item(on_hand=10, reserved=2).shipped(3)
