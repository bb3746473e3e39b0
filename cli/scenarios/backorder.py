"""Two orders want more than there is; receipts complete them first come, first served."""

from __future__ import annotations

from cli.client import Json
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "stock 6, A wants 8, B wants 5; a receipt of 4 completes A only, one of 5 completes B"
EVENTS = (
    *("OrderPlaced", "InventoryReservationFailed", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated"),
    *("PaymentSucceeded", "OrderConfirmed"),
)


def play(stage: Stage) -> None:
    """B is placed when A is BACKORDERED; the queue is strict."""
    sku = stage.item("CHAIR", stock=6, cost=3500)
    first = stage.place("A", an_order(sku, 8))
    stage.until_state(first, "BACKORDERED")
    stage.expect("A holds", [6], _held(stage, first))
    second = stage.place("B", an_order(sku, 5))
    stage.until_state(second, "BACKORDERED")
    stage.expect("queue", ["A misses 2", "B misses 5"], _queue(stage, sku, first, second))
    stage.note("4 arrive")
    stage.expect("completed by 4", [first.order_id], stage.receive(sku, 4)["completed_order_ids"])
    stage.until_state(first, "CONFIRMED")
    stage.expect("B waits on", "BACKORDERED", stage.order(second)["state"])
    stage.expect("B holds", [2], _held(stage, second))
    stage.note("5 arrive")
    stage.expect("completed by 5", [second.order_id], stage.receive(sku, 5)["completed_order_ids"])
    stage.until_state(second, "CONFIRMED")
    for placed in (first, second):
        stage.expect_events(placed, *EVENTS)
    stage.expect_balances(first, a1000=19190, a1100=0)
    stage.expect_stock(sku, on_hand=15, reserved=13, available=2)
    stage.expect_balanced_books()


def _held(stage: Stage, placed: Placed) -> list[int]:
    reservation: Json = stage.reader.get(f"/v1/inventory/reservations/{placed.order_id}")
    return [line["held"] for line in reservation["lines"]]


def _queue(stage: Stage, sku: str, *orders: Placed) -> list[str]:
    labels = {placed.order_id: placed.label for placed in orders}
    rows = stage.reader.pages("/v1/inventory/backorders", "backorders", sku=sku)
    return [f"{labels[row['order_id']]} misses {row['quantity_missing']}" for row in rows]
