"""Where protobuf and the domain of billing meet: facts that others publish, and events that we publish."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import credit_note_pb2, invoice_pb2, refund_pb2
from atlas.billing.v1 import payment_events_pb2 as payments
from atlas.billing.v1 import refund_events_pb2 as refunds
from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.orders.v1 import order_events_pb2 as orders
from billing_svc.domain import events, facts
from billing_svc.domain.invoice import CreditedLine, CreditNote, Line, LineCancellation, Person, Terms
from chassis.money import total
from chassis.values import money, money_message, person_message, time, time_message


def enum_value(enum: Any, prefix: str, name: str) -> Any:
    """Return the number of an enum value, named without its prefix."""
    return cast(EnumTypeWrapper, enum).Value(f"{prefix}_{name}")


def enum_name(enum: Any, prefix: str, value: int) -> str:
    """Return the name of an enum value without its prefix."""
    return cast(EnumTypeWrapper, enum).Name(value).removeprefix(f"{prefix}_")


# Facts that others publish.


def order_placed(event: orders.OrderPlaced, _metadata: EventMetadata) -> facts.OrderPlaced:
    """Read what was ordered."""
    terms = Terms(
        customer_id=event.customer_id,
        currency_code=event.currency_code,
        payment_method=event.payment_method,
        place_time=time(event.place_time),
        lines=tuple(_line(line) for line in event.lines),
    )
    if terms.net != money(event.net) or terms.tax != money(event.tax):
        raise ValueError("the lines do not add up to the order")
    placed_by = Person(event.placed_by_issuer, event.placed_by.subject, event.placed_by.username)
    return facts.OrderPlaced(event.order_id, placed_by, terms)


def _line(line: orders.PlacedLine) -> Line:
    return Line(
        line_number=line.line_number,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=money(line.unit_price),
        discount_basis_points=line.discount_basis_points,
        tax_rate_basis_points=line.tax_rate_basis_points,
        net=money(line.net),
        tax=money(line.tax),
    )


def order_cancelled(event: orders.OrderCancelled, _metadata: EventMetadata) -> facts.OrderCancelled:
    """Read a cancellation."""
    placed_by = None
    if event.HasField("placed_by"):
        placed_by = Person(event.placed_by_issuer, event.placed_by.subject, event.placed_by.username)
    return facts.OrderCancelled(event.order_id, placed_by)


def order_lines_cancelled(event: orders.OrderLinesCancelled, _metadata: EventMetadata) -> facts.OrderLinesCancelled:
    """Read the cancellation of what remained of an order."""
    lines = tuple(
        CreditedLine(line.line_number, line.sku, line.quantity, money(line.net), money(line.tax)) for line in event.lines
    )
    return facts.OrderLinesCancelled(event.order_id, LineCancellation(event.cancellation_id, lines))


def order_shipped(
    event: orders.OrderPartiallyFulfilled | orders.OrderFulfilled, _metadata: EventMetadata
) -> facts.OrderShipped | None:
    """Read one shipment of an order; None where the rest was cancelled, or nothing was in it."""
    if not event.HasField("fulfillment") or not event.fulfillment.lines:
        return None
    amounts = [money(line.net) for line in event.fulfillment.lines]
    net = total(amounts, amounts[0].currency_code)
    lines = tuple(
        CreditedLine(line.line_number, line.sku, line.quantity, money(line.net), money(line.tax))
        for line in event.fulfillment.lines
    )
    return facts.OrderShipped(event.order_id, event.fulfillment.fulfillment_id, net, lines)


def inventory_reserved(event: inventory.InventoryReserved, _metadata: EventMetadata) -> facts.StockReserved:
    """Read that everything is held."""
    return facts.StockReserved(event.order_id)


def reservation_failed(event: inventory.InventoryReservationFailed, _metadata: EventMetadata) -> facts.ReservationFailed:
    """Read why an order cannot be served."""
    reason = enum_name(inventory.ReservationFailure, "RESERVATION_FAILURE", event.reason)
    return facts.ReservationFailed(event.order_id, reason)


def stock_shipped(event: inventory.StockShipped, _metadata: EventMetadata) -> facts.StockShipped:
    """Read the cost of a shipment."""
    return facts.StockShipped(event.order_id, event.fulfillment_id, money(event.value))


def stock_received(event: inventory.StockReceived, _metadata: EventMetadata) -> facts.StockReceived:
    """Read the cost of what came in."""
    return facts.StockReceived(event.movement_id, money(event.value_change))


def stock_adjusted(event: inventory.StockAdjusted, _metadata: EventMetadata) -> facts.StockAdjusted:
    """Read what a correction or a revaluation gained or lost."""
    return facts.StockAdjusted(event.movement_id, money(event.value_change))


# Events that we publish.


def payload(event: events.Event) -> Message:
    """Write an event as its payload."""
    match event:
        case events.InvoiceCreated():
            return _invoice_created(event)
        case events.PaymentPending() | events.PaymentUnknown():
            return _payment_progress(event)
        case events.PaymentSucceeded():
            return _payment_succeeded(event)
        case events.PaymentFailed():
            return _payment_failed(event)
        case events.InvoiceVoided(order_id, invoice_id, reason):
            name = reason.value if reason else "ORDER_CANCELLED"
            why = enum_value(billing.InvoiceVoidReason, "INVOICE_VOID_REASON", name)
            return billing.InvoiceVoided(order_id=order_id, invoice_id=invoice_id, reason=why)
        case events.CreditNoteIssued():
            return _credit_note_issued(event)
        case events.RefundRequested() | events.RefundSucceeded() | events.RefundFailed():
            return _refund_progress(event)
        case events.OrderBillingClosed():
            return _closed(event)
        case events.LedgerHeadSealed(ledger, sequence, head_hash):
            return billing.LedgerHeadSealed(ledger=ledger, sequence=sequence, head_hash=head_hash)


def _invoice_created(event: events.InvoiceCreated) -> billing.InvoiceCreated:
    invoice = event.invoice
    return billing.InvoiceCreated(
        order_id=event.order_id,
        invoice_id=invoice.invoice_id,
        invoice_number=invoice.invoice_number,
        customer_id=invoice.customer_id,
        net=money_message(invoice.net),
        tax=money_message(invoice.tax),
        total=money_message(invoice.total),
        due_time=time_message(invoice.due_time),
    )


def _payment_progress(event: events.PaymentPending | events.PaymentUnknown) -> Message:
    attempt = event.attempt
    about: dict[str, Any] = {
        "order_id": event.order_id,
        "invoice_id": event.invoice_id,
        "payment_id": attempt.payment_id,
        "attempt_number": attempt.number,
    }
    if isinstance(event, events.PaymentUnknown):
        return payments.PaymentUnknown(**about)
    return payments.PaymentPending(**about, amount=money_message(attempt.amount))


def _payment_succeeded(event: events.PaymentSucceeded) -> payments.PaymentSucceeded:
    return payments.PaymentSucceeded(
        order_id=event.order_id,
        invoice_id=event.invoice_id,
        payment_id=event.attempt.payment_id if event.attempt else None,
        attempt_number=event.attempt.number if event.attempt else 0,
        amount=money_message(event.amount),
        applied=money_message(event.applied),
        outstanding=money_message(event.outstanding),
        invoice_state=enum_value(invoice_pb2.InvoiceState, "INVOICE_STATE", event.invoice_state),
    )


def _payment_failed(event: events.PaymentFailed) -> payments.PaymentFailed:
    again = event.attempt.next_attempt_time
    return payments.PaymentFailed(
        order_id=event.order_id,
        invoice_id=event.invoice_id,
        payment_id=event.attempt.payment_id,
        attempt_number=event.attempt.number,
        final=again is None,
        reason=enum_value(payments.PaymentFailureReason, "PAYMENT_FAILURE_REASON", event.reason),
        exception_id=event.attempt.exception_id,
        outstanding=money_message(event.outstanding),
        next_attempt_time=time_message(again) if again else None,
    )


def _credit_note_issued(event: events.CreditNoteIssued) -> refunds.CreditNoteIssued:
    note = event.credit_note
    return refunds.CreditNoteIssued(
        order_id=event.order_id,
        invoice_id=note.invoice_id,
        credit_note_id=note.credit_note_id,
        credit_note_number=note.credit_note_number,
        kind=enum_value(credit_note_pb2.CreditNoteKind, "CREDIT_NOTE_KIND", note.kind),
        lines=credited_lines(note),
        net=money_message(note.net),
        tax=money_message(note.tax),
        total=money_message(note.net + note.tax),
    )


def credited_lines(note: CreditNote) -> list[credit_note_pb2.CreditNoteLine]:
    """Write the lines of a credit note."""
    return [_credited_line(line) for line in note.lines]


def _credited_line(line: CreditedLine) -> credit_note_pb2.CreditNoteLine:
    return credit_note_pb2.CreditNoteLine(
        line_number=line.line_number,
        sku=line.sku,
        quantity=line.quantity,
        net=money_message(line.net),
        tax=money_message(line.tax),
        total=money_message(line.net + line.tax),
    )


def _refund_progress(event: events.RefundRequested | events.RefundSucceeded | events.RefundFailed) -> Message:
    refund = event.refund
    about: dict[str, Any] = {
        "order_id": event.order_id,
        "refund_id": refund.refund_id,
        "payment_id": refund.payment_id,
        "amount": money_message(refund.amount),
    }
    if isinstance(event, events.RefundSucceeded):
        return refunds.RefundSucceeded(**about)
    if isinstance(event, events.RefundFailed):
        return refunds.RefundFailed(**about)
    reason = enum_value(refund_pb2.RefundReason, "REFUND_REASON", refund.reason)
    who = event.requester
    requester = person_message(who.subject, who.username) if who else None
    return refunds.RefundRequested(**about, reason=reason, requester=requester)


def _closed(event: events.OrderBillingClosed) -> billing.OrderBillingClosed:
    closing = event.closing
    return billing.OrderBillingClosed(
        order_id=event.order_id,
        outcome=enum_value(billing.BillingOutcome, "BILLING_OUTCOME", closing.outcome),
        revision=closing.revision,
        payment_ids=closing.payment_ids,
        received=[money_message(amount) for amount in closing.received],
        refunded=[money_message(amount) for amount in closing.refunded],
    )
