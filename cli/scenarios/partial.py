"""Shipped in two parts, the rest cancelled: what is kept and what is given back add up to what was paid."""

from __future__ import annotations

from cli.scenarios import books, money
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "3 shipped, 4 shipped, 3 cancelled: kept plus given back is what was paid, to the cent"
EVENTS = (
    *("OrderPlaced", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated", "PaymentSucceeded", "OrderConfirmed"),
    *("OrderPartiallyFulfilled", "StockShipped", "OrderPartiallyFulfilled", "StockShipped"),
    *("OrderLinesCancelled", "OrderFulfilled", "InventoryReleased", "CreditNoteIssued", "RefundRequested"),
    *("RefundSucceeded", "OrderBillingClosed", "OrderCancellationSettled"),
)


def play(stage: Stage) -> None:
    """10 lamps of 23.90 EUR, 25 % off, 20 % tax: 179.25 and 35.85."""
    sku = stage.item("LAMP", stock=10)
    order = stage.place("order", an_order(sku, 10, price=2390, discount=2500), user="ops")
    stage.until_state(order, "CONFIRMED")
    path = f"/v1/orders/{order.order_id}"
    for units in (3, 4):
        part = stage.ops.post(f"{path}/fulfillments", {"lines": [{"line_number": 1, "quantity": units}]})["lines"][0]
        stage.note(f"{units} are shipped: net {part['net']['minor_units']}, tax {part['tax']['minor_units']}")
    stage.expect("state", "PARTIALLY_FULFILLED", stage.order(order)["state"])
    stage.ops.post(f"{path}/cancel-remaining", {"reason": "OUT_OF_STOCK", "comment": "the last three are scratched"})
    stage.note("the rest is cancelled")
    closed = stage.until_settled(order)
    line = closed["lines"][0]
    counts = [line[name] for name in ("quantity", "quantity_shipped", "quantity_cancelled")]
    stage.expect("state", ["FULFILLED", "OUT_OF_STOCK", 2], [closed[n] for n in ("state", "cancel_reason", "terms_version")])
    stage.expect("ordered, shipped, cancelled", [10, 7, 3], counts)
    stage.expect_soon("credit notes", [6452], lambda: money.credit_notes(stage, order))
    stage.expect_soon("refunds", [["SUCCEEDED", 6452]], lambda: money.refunds(stage, order))
    stage.expect_soon(
        "kept and given back", order.total["minor_units"], lambda: _kept(stage, order) + _given_back(stage, order)
    )
    stage.expect_events(order, *EVENTS)
    stage.expect_balances(order, a1000=15058, a1100=0, a2000=-2510, a2200=0, a2300=0, a4000=-12548, a5000=8400, a1200=-8400)
    stage.expect_stock(sku, on_hand=3, reserved=0, available=3)
    stage.expect_balanced_books()


def _kept(stage: Stage, order: Placed) -> int:
    """What the books say was sold and taxed."""
    return -sum(books.balances(stage.reader, order.order_id, ["4000", "2000"]).values())


def _given_back(stage: Stage, order: Placed) -> int:
    refunds = stage.reader.pages("/v1/refunds", "refunds", order_id=order.order_id)
    return sum(row["amount"]["minor_units"] for row in refunds if row["state"] == "SUCCEEDED")
