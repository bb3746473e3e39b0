"""Stock goes up as far as anybody likes, and down to what is held for orders."""

from __future__ import annotations

import pytest

from chassis.errors import Violation
from inventory_svc.domain.adjustment import AdjustmentLine, adjust
from inventory_svc.domain.backorder import Stock
from inventory_svc.domain.errors import MAX_HOLDERS, StockInUse
from tests.inventory_svc.builders import an_id, an_item


def _stock() -> Stock:
    return {"A": an_item("A", on_hand=10, reserved=6), "B": an_item("B", on_hand=2)}


def _nobody(_sku: str) -> tuple[str, ...]:
    return ()


def test_every_line_moves_its_item() -> None:
    lines = (AdjustmentLine("B", -2), AdjustmentLine("A", 3))
    after = adjust(_stock(), lines, lambda _sku: pytest.fail("nobody asked who holds what"))
    assert after == {"A": an_item("A", on_hand=13, reserved=6, movement_count=1), "B": an_item("B", movement_count=1)}


def test_what_is_free_may_go_and_not_a_unit_more() -> None:
    assert adjust(_stock(), [AdjustmentLine("A", -4)], _nobody)["A"].available == 0
    with pytest.raises(StockInUse):
        adjust(_stock(), [AdjustmentLine("A", -5)], _nobody)


def test_a_refusal_names_every_line_with_what_is_free_and_who_holds_the_rest() -> None:
    lines = [AdjustmentLine("A", -5), AdjustmentLine("B", -3)]
    with pytest.raises(StockInUse) as refused:
        adjust(_stock(), lines, lambda sku: (an_id(1), an_id(2)) if sku == "A" else ())
    held = f"6 held for orders such as {an_id(1)}, {an_id(2)}"
    assert refused.value.violations == (
        Violation("lines[0].quantity", "stock.in_use", f"takes 5 of A, of which 4 are free: 10 on hand, {held}"),
        Violation("lines[1].quantity", "stock.in_use", "takes 3 of B, of which 2 are free: 2 on hand, 0 held for orders"),
    )
    assert refused.value.hint


def test_orders_are_named_as_long_as_the_answer_stays_small() -> None:
    holders = tuple(an_id(number) for number in range(MAX_HOLDERS - 1))
    stock = {sku: an_item(sku, on_hand=30, reserved=30) for sku in "AB"}
    with pytest.raises(StockInUse) as refused:
        adjust(stock, [AdjustmentLine("A", -1), AdjustmentLine("B", -1)], lambda _sku: holders)
    first, second = (violation.message for violation in refused.value.violations)
    assert (holders[-1] in first, holders[0] in second, holders[1] in second) == (True, True, False)
