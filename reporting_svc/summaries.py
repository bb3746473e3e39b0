"""One line for people about each event type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from babel.numbers import get_currency_precision
from google.protobuf.message import Message

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import credit_note_pb2, invoice_pb2, refund_pb2
from atlas.billing.v1 import payment_events_pb2 as payments
from atlas.billing.v1 import refund_events_pb2 as refunds
from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import adjustment_pb2
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.orders.v1 import order_events_pb2 as orders
from atlas.orders.v1 import order_pb2
from atlas.workflow.v1 import workflow_events_pb2 as workflow


def amount(money: Money) -> str:
    """Write an amount for people, such as 12000.00 EUR."""
    exponent = get_currency_precision(money.currency_code)
    sign, digits = "-" if money.minor_units < 0 else "", str(abs(money.minor_units)).zfill(exponent + 1)
    whole, part = digits[: len(digits) - exponent], digits[len(digits) - exponent :]
    return f"{sign}{whole}.{part} {money.currency_code}" if part else f"{sign}{whole} {money.currency_code}"


def name(enum: Any, value: int) -> str:
    """Return the name of an enum value without the prefix of its enum; a value of a newer contract shows as its number."""
    prefix = enum.DESCRIPTOR.values[0].name.removesuffix("UNSPECIFIED")
    found = enum.DESCRIPTOR.values_by_number.get(value)
    return found.name.removeprefix(prefix) if found else str(value)


def _units(lines: Any) -> str:
    count = sum(line.quantity for line in lines)
    return f"{count} unit{'' if count == 1 else 's'}"


def _placed(event: orders.OrderPlaced) -> str:
    return f"{_units(event.lines)} for {amount(event.total)}, by {event.payment_method}"


def _state_changed(event: orders.OrderStateChanged) -> str:
    state = name(order_pb2.OrderState, event.state)
    return f"{state}, {name(order_pb2.Settlement, event.settlement)}" if event.HasField("settlement") else state


def _fulfilled(event: orders.OrderFulfilled) -> str:
    return f"{_units(event.fulfillment.lines)} shipped" if event.HasField("fulfillment") else "the rest was cancelled"


def _reservation_failed(event: inventory.InventoryReservationFailed) -> str:
    missing = sum(line.missing for line in event.lines)
    return f"{name(inventory.ReservationFailure, event.reason)}, {missing} missing"


def _adjusted(event: inventory.StockAdjusted) -> str:
    reason = name(adjustment_pb2.AdjustmentReason, event.reason)
    return f"{event.quantity:+} of {event.sku}, {reason}" if event.quantity else f"{event.sku} costs {amount(event.unit_cost)}"


def _payment_succeeded(event: payments.PaymentSucceeded) -> str:
    return f"{amount(event.amount)} came in, invoice {name(invoice_pb2.InvoiceState, event.invoice_state)}"


def _payment_failed(event: payments.PaymentFailed) -> str:
    last = ", final" if event.final else ""
    return f"attempt {event.attempt_number}: {name(payments.PaymentFailureReason, event.reason)}{last}"


def _billing_closed(event: billing.OrderBillingClosed) -> str:
    back = ", ".join(amount(each) for each in event.refunded)
    outcome = name(billing.BillingOutcome, event.outcome)
    return f"{outcome}, {back} back" if back else outcome


def _approval_requested(event: workflow.ApprovalRequested) -> str:
    return f"needs {', then '.join(f'{step.quorum} {step.role}' for step in event.steps)}"


def _rejected(event: workflow.ApprovalRejected) -> str:
    return f"by {event.decided_by.username}" if event.HasField("decided_by") else "nobody decided in time"


def _settled(event: orders.OrderCancellationSettled) -> str:
    return name(order_pb2.Settlement, event.settlement)


SUMMARIES: dict[type[Message], Callable[[Any], str]] = {
    orders.OrderPlaced: _placed,
    orders.OrderCancelled: lambda event: name(order_pb2.CancelReason, event.reason),
    orders.OrderConfirmed: lambda event: f"{_units(event.lines)} may be shipped",
    orders.OrderPartiallyFulfilled: lambda event: f"{_units(event.fulfillment.lines)} shipped, more to come",
    orders.OrderFulfilled: _fulfilled,
    orders.OrderLinesCancelled: lambda event: f"{_units(event.lines)}, {name(order_pb2.CancelReason, event.reason)}",
    orders.OrderCancellationSettled: _settled,
    orders.OrderStateChanged: _state_changed,
    inventory.InventoryReserved: lambda event: f"{_units(event.lines)} held",
    inventory.InventoryReservationFailed: _reservation_failed,
    inventory.InventoryReleased: lambda event: f"{_units(event.lines)} given back" if event.lines else "nothing was held",
    inventory.StockShipped: lambda event: f"{_units(event.lines)} left the warehouse",
    inventory.StockReceived: lambda event: f"{event.quantity} of {event.sku} came in",
    inventory.StockAdjusted: _adjusted,
    billing.InvoiceCreated: lambda event: f"{event.invoice_number} for {amount(event.total)}",
    billing.LedgerHeadSealed: lambda event: f"{event.sequence} journals are sealed",
    billing.InvoiceVoided: lambda event: name(billing.InvoiceVoidReason, event.reason),
    billing.OrderBillingClosed: _billing_closed,
    payments.PaymentPending: lambda event: f"attempt {event.attempt_number} for {amount(event.amount)}",
    payments.PaymentUnknown: lambda event: f"attempt {event.attempt_number}: the provider did not answer",
    payments.PaymentSucceeded: _payment_succeeded,
    payments.PaymentFailed: _payment_failed,
    refunds.CreditNoteIssued: lambda event: (
        f"{event.credit_note_number} for {amount(event.total)}, {name(credit_note_pb2.CreditNoteKind, event.kind)}"
    ),
    refunds.RefundRequested: lambda event: f"{amount(event.amount)}, {name(refund_pb2.RefundReason, event.reason)}",
    refunds.RefundSucceeded: lambda event: f"{amount(event.amount)} is back",
    refunds.RefundFailed: lambda event: f"{amount(event.amount)} could not be given back",
    workflow.ApprovalNotRequired: lambda event: f"{event.policy_id} version {event.policy_version} asks for nobody",
    workflow.ApprovalRequested: _approval_requested,
    workflow.ApprovalGranted: lambda event: f"by {event.decided_by.username}",
    workflow.ApprovalRejected: _rejected,
    workflow.ApprovalWithdrawn: lambda event: name(workflow.WithdrawReason, event.reason),
}
