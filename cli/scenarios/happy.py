"""An order that goes through: reserved, invoiced, paid, confirmed, shipped."""

from __future__ import annotations

from cli.scenarios import money
from cli.scenarios.stage import Stage, an_order

SUMMARY = "placed, reserved, invoiced, paid, confirmed, fulfilled"
EVENTS = (
    *("OrderPlaced", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated", "PaymentSucceeded"),
    *("OrderConfirmed", "OrderFulfilled", "StockShipped"),
)


def play(stage: Stage) -> None:
    """3 lamps of 19.99 EUR plus 20 % tax."""
    sku = stage.item("LAMP", stock=10)
    order = stage.place("order", an_order(sku, 3))
    confirmed = stage.until_state(order, "CONFIRMED")
    stage.expect("total", {"net": 5997, "tax": 1199, "total": 7196}, _amounts(confirmed))
    fulfillment = stage.ops.post(f"/v1/orders/{order.order_id}/fulfillments", {"tracking_reference": "TRACK-1"})
    stage.note("everything is shipped")
    fulfilled = stage.until_state(order, "FULFILLED")
    stage.expect("shipped", [3, 3], [fulfillment["lines"][0]["quantity"], fulfilled["lines"][0]["quantity_shipped"]])
    stage.expect_soon("invoice", ["PAID"], lambda: money.invoices(stage, order))
    stage.expect_events(order, *EVENTS)
    stage.expect_balances(order, a1000=7196, a1100=0, a2000=-1199, a2300=0, a4000=-5997, a5000=3600, a1200=-3600)
    stage.expect_stock(sku, on_hand=7, reserved=0, available=7)
    stage.expect_balanced_books()


def _amounts(order: dict[str, dict[str, int]]) -> dict[str, int]:
    return {name: order[name]["minor_units"] for name in ("net", "tax", "total")}
