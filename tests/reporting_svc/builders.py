"""Builders for the tests of reporting_svc: events as every service publishes them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import invoice_pb2
from atlas.billing.v1 import payment_events_pb2 as payments
from atlas.common.v1.event_metadata_pb2 import Person
from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import adjustment_pb2
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.orders.v1 import order_events_pb2 as orders
from atlas.orders.v1 import order_pb2
from atlas.workflow.v1 import policy_pb2
from atlas.workflow.v1 import workflow_events_pb2 as workflow
from chassis.values import time_message
from reporting_svc.seen import Seen

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(days=7)
INVOICE_ID = str(uuid.UUID(int=7))


def eur(minor_units: int) -> Money:
    """An amount in EUR."""
    return Money(currency_code="EUR", minor_units=minor_units)


def placed(order_id: str, subject: str = "buyer-id", at: datetime = NOW) -> orders.OrderPlaced:
    """OrderPlaced of two units for 120.00 EUR."""
    line = orders.PlacedLine(line_number=1, sku="LAMP-01", quantity=2, unit_price=eur(5_000), net=eur(10_000), tax=eur(2_000))
    return orders.OrderPlaced(
        order_id=order_id,
        place_time=time_message(at),
        placed_by=Person(subject=subject, username=subject.removesuffix("-id")),
        customer_id="cust-1",
        currency_code="EUR",
        payment_method="pm_ok",
        net=eur(10_000),
        tax=eur(2_000),
        total=eur(12_000),
        terms_version=1,
        lines=[line],
    )


def changed(order_id: str, state: str, *facts: str, settlement: str = "", deadline: datetime | None = DEADLINE) -> Message:
    """OrderStateChanged; facts in the order reservation, invoice, payment, approval, AWAITED where left out."""
    reservation, invoice, payment, approval = (*facts, *["AWAITED"] * 4)[:4]
    message = orders.OrderStateChanged(
        order_id=order_id,
        state=order_pb2.OrderState.Value(f"ORDER_STATE_{state}"),
        facts=order_pb2.OrderFacts(
            reservation=order_pb2.ReservationFact.Value(f"RESERVATION_FACT_{reservation}"),
            invoice=order_pb2.InvoiceFact.Value(f"INVOICE_FACT_{invoice}"),
            payment=order_pb2.PaymentFact.Value(f"PAYMENT_FACT_{payment}"),
            approval=order_pb2.ApprovalFact.Value(f"APPROVAL_FACT_{approval}"),
        ),
        deadline_time=time_message(deadline) if deadline else None,
    )
    if settlement:
        message.settlement = order_pb2.Settlement.Value(f"SETTLEMENT_{settlement}")
    return message


def cancelled(order_id: str) -> orders.OrderCancelled:
    """OrderCancelled at the customer's request."""
    return orders.OrderCancelled(order_id=order_id, reason=order_pb2.CANCEL_REASON_CUSTOMER_REQUEST)


def reserved(order_id: str) -> inventory.InventoryReserved:
    """InventoryReserved of both units."""
    line = inventory.StockLine(line_number=1, sku="LAMP-01", quantity=2)
    return inventory.InventoryReserved(order_id=order_id, lines=[line])


def invoiced(order_id: str) -> billing.InvoiceCreated:
    """InvoiceCreated."""
    return billing.InvoiceCreated(order_id=order_id, invoice_id=INVOICE_ID, invoice_number="INV-1", total=eur(12_000))


def paid(order_id: str) -> payments.PaymentSucceeded:
    """PaymentSucceeded in full."""
    return payments.PaymentSucceeded(
        order_id=order_id,
        invoice_id=INVOICE_ID,
        amount=eur(12_000),
        applied=eur(12_000),
        outstanding=eur(0),
        invoice_state=invoice_pb2.INVOICE_STATE_PAID,
    )


def not_required(order_id: str) -> workflow.ApprovalNotRequired:
    """ApprovalNotRequired."""
    return workflow.ApprovalNotRequired(
        order_id=order_id,
        subject_type=policy_pb2.SUBJECT_TYPE_ORDER,
        subject_id=order_id,
        policy_id="orders-default",
        policy_version=1,
    )


def received(sku: str) -> inventory.StockReceived:
    """StockReceived, which is about no order."""
    ids = [str(uuid.uuid4()) for _ in range(2)]
    return inventory.StockReceived(sku=sku, movement_id=ids[0], receipt_id=ids[1], quantity=4)


def adjusted(sku: str, quantity: int) -> inventory.StockAdjusted:
    """StockAdjusted, which is about no order."""
    event = inventory.StockAdjusted(sku=sku, movement_id=str(uuid.uuid4()), quantity=quantity)
    event.reason = adjustment_pb2.ADJUSTMENT_REASON_LOST if quantity else adjustment_pb2.ADJUSTMENT_REASON_COST_CHANGED
    event.unit_cost.currency_code, event.unit_cost.minor_units = "EUR", 1_300
    return event


def a_seen(number: int, says: Any = None, **changes: Any) -> Seen:
    """An event as the projections see it, `number` seconds after the start."""
    fields: dict[str, Any] = {
        "event_id": str(uuid.UUID(int=number)),
        "event_type": f"Event{number}",
        "order_id": str(uuid.UUID(int=1)),
        "producer": "order-svc",
        "stream_sequence": number,
        "occur_time": NOW + timedelta(seconds=number),
        "attempts": 1,
        "causation_id": "cause",
        "summary": "",
        "says": says,
    }
    return Seen(**{**fields, **changes})
