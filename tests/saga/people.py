"""Who acts in the plays, and the requests they send."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

import billing_svc.commands
import inventory_svc.commands
import inventory_svc.queue_commands
import order_svc.commands
import workflow_svc.commands
from atlas.billing.v1 import credit_note_pb2, invoice_pb2, payment_pb2, refund_pb2
from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import adjustment_pb2, backorder_pb2, stock_pb2
from atlas.orders.v1 import cancellation_pb2, fulfillment_pb2, order_pb2, order_service_pb2
from atlas.workflow.v1 import approval_pb2
from billing_svc.settings import SANDBOX_METHODS
from chassis.handling import Command
from chassis.world import Actor
from order_svc.domain.order import Deadlines

ISSUER = "https://issuer.test/realms/atlas-erp"
STOCK_CURRENCY = "EUR"


def _person(username: str, *roles: str) -> Actor:
    everything = frozenset({"orders:read_all", "orders:price"})
    return Actor(ISSUER, f"subject-of-{username}", username, "atlas-cli", everything, frozenset(roles), human=True)


BUYER = _person("sales", "Sales")
APPROVER = _person("approver", "Approver")
SECOND_APPROVER = _person("approver2", "Approver", "Finance")
FINANCE = _person("finance", "Finance")
BUYER_WHO_APPROVES = _person("boss", "Sales", "Approver", "Finance")
CLERK = _person("warehouse", "Warehouse")

COMMANDS: dict[type[Message], tuple[str, Command[Any]]] = {
    order_service_pb2.PlaceOrderRequest: ("order", order_svc.commands.place_order_command(Deadlines())),
    order_service_pb2.CancelOrderRequest: ("order", order_svc.commands.CANCEL_ORDER),
    cancellation_pb2.CancelRemainingRequest: ("order", order_svc.commands.CANCEL_REMAINING),
    fulfillment_pb2.FulfillOrderRequest: ("order", order_svc.commands.FULFILL_ORDER),
    stock_pb2.CreateItemRequest: ("inventory", inventory_svc.commands.create_item_command(STOCK_CURRENCY)),
    stock_pb2.UpdateItemRequest: ("inventory", inventory_svc.commands.update_item_command(STOCK_CURRENCY)),
    stock_pb2.ReceiveStockRequest: ("inventory", inventory_svc.commands.RECEIVE_STOCK),
    adjustment_pb2.AdjustStockRequest: ("inventory", inventory_svc.commands.ADJUST_STOCK),
    backorder_pb2.PrioritizeBackorderRequest: ("inventory", inventory_svc.queue_commands.PRIORITIZE_BACKORDER),
    backorder_pb2.ReleaseHeldStockRequest: ("inventory", inventory_svc.queue_commands.RELEASE_HELD),
    payment_pb2.PayInvoiceRequest: ("billing", billing_svc.commands.pay_invoice_command(SANDBOX_METHODS)),
    payment_pb2.ResolvePaymentRequest: ("billing", billing_svc.commands.RESOLVE_PAYMENT),
    payment_pb2.RefundPaymentRequest: ("billing", billing_svc.commands.REFUND_PAYMENT),
    invoice_pb2.VoidInvoiceRequest: ("billing", billing_svc.commands.VOID_INVOICE),
    credit_note_pb2.CreateCreditNoteRequest: ("billing", billing_svc.commands.CREATE_CREDIT_NOTE),
    refund_pb2.RetryRefundRequest: ("billing", billing_svc.commands.RETRY_REFUND),
    approval_pb2.ApproveRequestRequest: ("workflow", workflow_svc.commands.APPROVE_REQUEST),
    approval_pb2.RejectRequestRequest: ("workflow", workflow_svc.commands.REJECT_REQUEST),
}
"""Which service handles a request, and how."""


def euro(minor_units: int) -> Money:
    """An amount in EUR."""
    return Money(currency_code="EUR", minor_units=minor_units)


def new_item(sku: str, cost: int) -> stock_pb2.CreateItemRequest:
    """Make an item known."""
    return stock_pb2.CreateItemRequest(sku=sku, name=f"Item {sku}", standard_cost=euro(cost))


def receipt(reference: str, **quantities: int) -> stock_pb2.ReceiveStockRequest:
    """Receive stock, by SKU."""
    lines = [stock_pb2.ReceiptLine(sku=sku, quantity=quantity) for sku, quantity in quantities.items()]
    return stock_pb2.ReceiveStockRequest(reference=reference, lines=lines)


def line(sku: str, quantity: int, unit_price: int = 1_000, discount: int = 0) -> order_pb2.OrderLineInput:
    """An order line with 20 % tax; the discount is in basis points."""
    return order_pb2.OrderLineInput(
        sku=sku,
        quantity=quantity,
        unit_price=euro(unit_price),
        discount_basis_points=discount,
        tax_rate_basis_points=2_000,
    )


def adjustment(**quantities: int) -> adjustment_pb2.AdjustStockRequest:
    """Correct stock as it was counted, by SKU."""
    lines = [adjustment_pb2.AdjustmentLine(sku=sku, quantity=quantity) for sku, quantity in quantities.items()]
    return adjustment_pb2.AdjustStockRequest(reason=adjustment_pb2.ADJUSTMENT_REASON_COUNT, lines=lines)


def new_cost(sku: str, cost: int) -> stock_pb2.UpdateItemRequest:
    """Revalue an item."""
    return stock_pb2.UpdateItemRequest(sku=sku, standard_cost=euro(cost))


def prioritize(order_id: str, priority: int) -> backorder_pb2.PrioritizeBackorderRequest:
    """Give a waiting order another place."""
    return backorder_pb2.PrioritizeBackorderRequest(order_id=order_id, priority=priority)


def release_held(order_id: str) -> backorder_pb2.ReleaseHeldStockRequest:
    """Give back what a waiting order holds."""
    return backorder_pb2.ReleaseHeldStockRequest(order_id=order_id)


def order(customer: str, method: str, *lines: order_pb2.OrderLineInput) -> order_service_pb2.PlaceOrderRequest:
    """Place an order in EUR."""
    return order_service_pb2.PlaceOrderRequest(customer_id=customer, currency_code="EUR", payment_method=method, lines=lines)


def cancel(order_id: str) -> order_service_pb2.CancelOrderRequest:
    """Cancel an order."""
    return order_service_pb2.CancelOrderRequest(order_id=order_id, reason=order_pb2.CANCEL_REASON_CUSTOMER_REQUEST)


def close(order_id: str) -> cancellation_pb2.CancelRemainingRequest:
    """Cancel what remains of an order."""
    return cancellation_pb2.CancelRemainingRequest(order_id=order_id, reason=order_pb2.CANCEL_REASON_OUT_OF_STOCK)


def ship(order_id: str, *parts: tuple[int, int]) -> fulfillment_pb2.FulfillOrderRequest:
    """Ship units of lines, (line number, units), or what remains of an order."""
    lines = [fulfillment_pb2.FulfillmentLineInput(line_number=number, quantity=units) for number, units in parts]
    return fulfillment_pb2.FulfillOrderRequest(order_id=order_id, lines=lines)


def approve(approval_id: str, total: int) -> approval_pb2.ApproveRequestRequest:
    """Approve the open step on the first terms."""
    return approval_pb2.ApproveRequestRequest(approval_id=approval_id, terms_version=1, total=euro(total))


def reject(approval_id: str, total: int) -> approval_pb2.RejectRequestRequest:
    """Reject a request on the first terms."""
    return approval_pb2.RejectRequestRequest(
        approval_id=approval_id, comment="Over the budget.", terms_version=1, total=euro(total)
    )


def pay(invoice_id: str, method: str) -> payment_pb2.PayInvoiceRequest:
    """Pay an invoice another way."""
    return payment_pb2.PayInvoiceRequest(invoice_id=invoice_id, payment_method=method)


def resolve(payment_id: str) -> payment_pb2.ResolvePaymentRequest:
    """Ask what became of a payment."""
    return payment_pb2.ResolvePaymentRequest(payment_id=payment_id)


def void(invoice_id: str) -> invoice_pb2.VoidInvoiceRequest:
    """Void an invoice."""
    return invoice_pb2.VoidInvoiceRequest(invoice_id=invoice_id, reason=invoice_pb2.VOID_REASON_BILLING_ERROR)


def credit(invoice_id: str, *parts: tuple[int, int]) -> credit_note_pb2.CreateCreditNoteRequest:
    """Credit units of lines, (line number, units)."""
    lines = [credit_note_pb2.CreditLine(line_number=number, quantity=units) for number, units in parts]
    reason = credit_note_pb2.CREDIT_REASON_DAMAGED
    return credit_note_pb2.CreateCreditNoteRequest(invoice_id=invoice_id, reason=reason, lines=lines)


def refund(payment_id: str, minor_units: int) -> payment_pb2.RefundPaymentRequest:
    """Give a part of a payment back."""
    reason = credit_note_pb2.CREDIT_REASON_GOODWILL
    return payment_pb2.RefundPaymentRequest(payment_id=payment_id, amount=euro(minor_units), reason=reason)


def retry(refund_id: str) -> refund_pb2.RetryRefundRequest:
    """Try a refund again."""
    return refund_pb2.RetryRefundRequest(refund_id=refund_id)
