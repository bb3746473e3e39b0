"""A payment that is declined for good, and the cancellation that follows."""

from __future__ import annotations

from cli.scenarios import money
from cli.scenarios.stage import Stage, an_order

SUMMARY = "the payment is declined for good; the order is cancelled, the invoice voided, the stock back"
EVENTS = (
    *("OrderPlaced", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated", "PaymentFailed"),
    *("OrderCancelled", "InventoryReleased", "InvoiceVoided", "OrderBillingClosed", "OrderCancellationSettled"),
)


def play(stage: Stage) -> None:
    """The sandbox provider declines pm_declined_hard at once."""
    sku = stage.item("LAMP", stock=5)
    order = stage.place("order", an_order(sku, 2, method="pm_declined_hard"))
    stage.until_state(order, "PAYMENT_FAILED")
    stage.expect("payments", ["DECLINED"], money.payments(stage, order))
    stage.expect_stock(sku, on_hand=5, reserved=2, available=3)
    stage.note("the buyer cancels")
    stage.buyer.post(f"/v1/orders/{order.order_id}/cancel", {"reason": "CUSTOMER_REQUEST", "comment": "no other card"})
    cancelled = stage.until_settled(order)
    stage.expect("state", ["CANCELLED", "CUSTOMER_REQUEST"], [cancelled["state"], cancelled["cancel_reason"]])
    stage.expect_soon("invoice", ["VOID"], lambda: money.invoices(stage, order))
    stage.expect("refunds", [], money.refunds(stage, order))
    stage.expect_events(order, *EVENTS)
    stage.expect_balances(order, a1000=0, a1100=0, a2000=0, a2200=0, a2300=0)
    stage.expect_stock(sku, on_hand=5, reserved=0, available=5)
    stage.expect_balanced_books()
