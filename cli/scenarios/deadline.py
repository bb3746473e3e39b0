"""Stock that never comes: the order is given up, and what it held is free again."""

from __future__ import annotations

from datetime import datetime

from cli.clock import move
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "stock that never comes: given up after 14 days for its own reason, what it held is free again"
EVENTS = (
    *("OrderPlaced", "InventoryReservationFailed", "ApprovalNotRequired", "OrderCancelled", "InventoryReleased"),
    *("OrderBillingClosed", "OrderCancellationSettled"),
)
FIFTEEN_DAYS = 15 * 86_400


def play(stage: Stage) -> None:
    """One order of 3 of 2 lamps waits; one of a desk is confirmed. Then 15 days pass on the clock of every service."""
    lamp, desk = stage.item("LAMP", stock=2), stage.item("DESK", stock=1)
    waiting, confirmed = stage.place("waiting", an_order(lamp, 3)), stage.place("confirmed", an_order(desk, 1))
    stage.until_state(waiting, "BACKORDERED")
    stage.until_state(confirmed, "CONFIRMED")
    stage.expect("days until the deadline", [14, None], [_days(stage, waiting), _days(stage, confirmed)])
    stage.expect_stock(lamp, on_hand=2, reserved=2, available=0)
    move(stage.ops, FIFTEEN_DAYS)
    stage.note("15 days pass")
    given_up = stage.until_settled(waiting)
    stage.expect("waiting", ["CANCELLED", "BACKORDER_EXPIRED"], [given_up["state"], given_up["cancel_reason"]])
    stage.expect("confirmed", "CONFIRMED", stage.order(confirmed)["state"])
    stage.expect_stock(lamp, on_hand=2, reserved=0, available=2)
    stage.expect_events(waiting, *EVENTS)
    stage.expect_balanced_books()


def _days(stage: Stage, placed: Placed) -> int | None:
    """Days from the placement of an order to its deadline."""
    order = stage.order(placed)
    if "deadline_time" not in order:
        return None
    return (datetime.fromisoformat(order["deadline_time"]) - datetime.fromisoformat(order["place_time"])).days
