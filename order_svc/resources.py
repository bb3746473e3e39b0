"""Orders and fulfillments as a client sees them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, cast

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from atlas.orders.v1 import fulfillment_pb2, order_events_pb2, order_pb2
from chassis.values import money_message, person_message, time_message
from chassis.world import Row
from order_svc.domain import pricing
from order_svc.domain.order import Fulfillment, LinePart, Order
from order_svc.domain.shown import show


@functools.cache
def enum_value(enum: Any, prefix: str, name: str) -> Any:
    """Return the number of an enum value, named without its prefix."""
    return cast(EnumTypeWrapper, enum).Value(f"{prefix}_{name}")


def order_message(row: Row[Order]) -> order_pb2.Order:
    """Write an order as a client sees it."""
    order = row.aggregate
    net, tax = order.net, order.tax
    message = order_pb2.Order(
        order_id=order.order_id,
        customer_id=order.customer_id,
        client_reference=order.client_reference,
        state=enum_value(order_pb2.OrderState, "ORDER_STATE", order.state),
        currency_code=order.currency_code,
        net=money_message(net),
        tax=money_message(tax),
        total=money_message(net + tax),
        payment_method=order.payment_method,
        placed_by=person_message(order.placed_by.subject, order.placed_by.username),
        place_time=time_message(order.place_time),
        lines=line_messages(order.lines),
        facts=facts_message(order),
        terms_version=order.terms_version,
        version=row.version,
    )
    set_ending(message, order)
    _set_times(message, row)
    return message


def set_ending(message: order_pb2.Order | order_events_pb2.OrderStateChanged, order: Order) -> None:
    """Set what only some orders have: a deadline, and of a cancellation its reason and settlement."""
    if order.deadline_time is not None:
        message.deadline_time.CopyFrom(time_message(order.deadline_time))
    if (settlement := order.settlement) is not None:
        message.settlement = enum_value(order_pb2.Settlement, "SETTLEMENT", settlement)
    if isinstance(message, order_pb2.Order) and order.cancel_reason:
        message.cancel_reason = enum_value(order_pb2.CancelReason, "CANCEL_REASON", order.cancel_reason)


def _set_times(message: order_pb2.Order | fulfillment_pb2.Fulfillment, row: Row[Any]) -> None:
    if row.create_time and row.update_time:
        message.create_time.CopyFrom(time_message(row.create_time))
        message.update_time.CopyFrom(time_message(row.update_time))


def line_messages(lines: Iterable[pricing.Line]) -> list[order_pb2.OrderLine]:
    """Write the lines of an order or a quote."""
    return [
        order_pb2.OrderLine(
            line_number=line.line_number,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=money_message(line.unit_price),
            discount_basis_points=line.discount_basis_points,
            tax_rate_basis_points=line.tax_rate_basis_points,
            net=money_message(line.net),
            tax=money_message(line.tax),
            total=money_message(line.total),
            quantity_shipped=line.quantity_shipped,
            quantity_cancelled=line.quantity_cancelled,
        )
        for line in lines
    ]


def facts_message(order: Order) -> order_pb2.OrderFacts:
    """Write the facts by the names of the contract."""
    shown = show(order.known, is_kept=order.is_shipped)
    return order_pb2.OrderFacts(
        reservation=enum_value(order_pb2.ReservationFact, "RESERVATION_FACT", shown.reservation),
        invoice=enum_value(order_pb2.InvoiceFact, "INVOICE_FACT", shown.invoice),
        payment=enum_value(order_pb2.PaymentFact, "PAYMENT_FACT", shown.payment),
        approval=enum_value(order_pb2.ApprovalFact, "APPROVAL_FACT", shown.approval),
    )


def fulfillment_message(row: Row[Fulfillment]) -> fulfillment_pb2.Fulfillment:
    """Write a fulfillment as a client sees it."""
    fulfillment = row.aggregate
    message = fulfillment_pb2.Fulfillment(
        fulfillment_id=fulfillment.fulfillment_id,
        order_id=fulfillment.order_id,
        lines=fulfillment_lines(fulfillment.lines),
        tracking_reference=fulfillment.tracking_reference,
        version=row.version,
    )
    _set_times(message, row)
    return message


def fulfillment_lines(parts: Iterable[LinePart]) -> list[fulfillment_pb2.FulfillmentLine]:
    """Write what a shipment takes of each line."""
    return [
        fulfillment_pb2.FulfillmentLine(
            line_number=line.line_number,
            sku=line.sku,
            quantity=line.quantity,
            net=money_message(line.net),
            tax=money_message(line.tax),
        )
        for line in parts
    ]
