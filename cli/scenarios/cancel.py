"""Cancelling before money moved, and after it."""

from __future__ import annotations

from cli.scenarios import money
from cli.scenarios.stage import Placed, Stage, an_order

SUMMARY = "cancelled while backordered, and after payment: credit note, refund, stock back"
UNPAID = (
    *("OrderPlaced", "InventoryReservationFailed", "ApprovalNotRequired", "OrderCancelled", "InventoryReleased"),
    *("OrderBillingClosed", "OrderCancellationSettled"),
)
PAID = (
    *("OrderPlaced", "InventoryReserved", "ApprovalNotRequired", "InvoiceCreated", "PaymentSucceeded", "OrderConfirmed"),
    *("OrderCancelled", "InventoryReleased", "CreditNoteIssued", "RefundRequested", "RefundSucceeded"),
    *("OrderBillingClosed", "OrderCancellationSettled"),
)


def play(stage: Stage) -> None:
    """One order of 8 of 6 lamps, then one of 3."""
    sku = stage.item("LAMP", stock=6)
    _before_payment(stage, sku)
    _after_payment(stage, sku)
    stage.expect_stock(sku, on_hand=6, reserved=0, available=6)
    stage.expect_balanced_books()


def _before_payment(stage: Stage, sku: str) -> None:
    order = stage.place("unpaid", an_order(sku, 8))
    stage.until_state(order, "BACKORDERED")
    stage.expect_stock(sku, on_hand=6, reserved=6, available=0)
    _cancel(stage, order)
    stage.expect_stock(sku, on_hand=6, reserved=0, available=6)
    stage.expect("invoices", [], money.invoices(stage, order))
    stage.expect_events(order, *UNPAID)
    stage.expect_balances(order, a1000=0, a1100=0, a2200=0, a2300=0)


def _after_payment(stage: Stage, sku: str) -> None:
    order = stage.place("paid", an_order(sku, 3))
    stage.until_state(order, "CONFIRMED")
    _cancel(stage, order)
    stage.expect_soon("invoice", ["CREDITED"], lambda: money.invoices(stage, order))
    stage.expect_soon("credit notes", [7196], lambda: money.credit_notes(stage, order))
    stage.expect_soon("refunds", [["SUCCEEDED", 7196]], lambda: money.refunds(stage, order))
    stage.expect_events(order, *PAID)
    stage.expect_balances(order, a1000=0, a1100=0, a2000=0, a2200=0, a2300=0)


def _cancel(stage: Stage, order: Placed) -> None:
    stage.note(f"{order.label} is cancelled")
    stage.buyer.post(f"/v1/orders/{order.order_id}/cancel", {"reason": "CUSTOMER_REQUEST", "comment": ""})
    cancelled = stage.until_settled(order)
    stage.expect(f"{order.label}: state", "CANCELLED", cancelled["state"])
