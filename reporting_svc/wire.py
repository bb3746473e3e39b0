"""Where protobuf and the projections meet: events in, reports out."""

from __future__ import annotations

from typing import Any, NoReturn

from google.protobuf.message import Message

from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.orders.v1 import order_events_pb2, order_pb2
from atlas.reporting.v1 import report_pb2, timeline_pb2
from chassis.money import Money
from chassis.values import money, money_message, person_message, time, time_message
from reporting_svc.projections.timeline import Remaining, latency_ms
from reporting_svc.seen import Cancelled, Changed, Placed, Seen
from reporting_svc.summaries import SUMMARIES, name


def payload(event: Any) -> NoReturn:
    """Reporting publishes nothing."""
    raise TypeError(f"reporting_svc publishes nothing, not even {type(event).__name__}")


# events


def seen(event: Message, metadata: EventMetadata) -> Seen:
    """Read any event of any topic."""
    return Seen(
        event_id=metadata.event_id,
        event_type=metadata.event_type,
        order_id=getattr(event, "order_id", ""),
        producer=metadata.producer,
        stream_sequence=metadata.stream_sequence,
        occur_time=time(metadata.occur_time),
        attempts=max(1, metadata.handling_attempt),
        causation_id=metadata.causation_id,
        summary=SUMMARIES[type(event)](event),
        says=_says(event),
    )


def _says(event: Message) -> Placed | Changed | Cancelled | None:
    match event:
        case order_events_pb2.OrderPlaced():
            return _placed(event)
        case order_events_pb2.OrderStateChanged():
            return _changed(event)
        case order_events_pb2.OrderCancelled() | order_events_pb2.OrderLinesCancelled():
            return Cancelled(name(order_pb2.CancelReason, event.reason))
    return None


def _placed(event: order_events_pb2.OrderPlaced) -> Placed:
    return Placed(
        customer_id=event.customer_id,
        net=money(event.net),
        tax=money(event.tax),
        total=money(event.total),
        placed_by_subject=event.placed_by.subject,
        placed_by_username=event.placed_by.username,
        place_time=time(event.place_time),
    )


def _changed(event: order_events_pb2.OrderStateChanged) -> Changed:
    return Changed(
        state=name(order_pb2.OrderState, event.state),
        reservation=name(order_pb2.ReservationFact, event.facts.reservation),
        invoice=name(order_pb2.InvoiceFact, event.facts.invoice),
        payment=name(order_pb2.PaymentFact, event.facts.payment),
        approval=name(order_pb2.ApprovalFact, event.facts.approval),
        deadline_time=time(event.deadline_time) if event.HasField("deadline_time") else None,
        settlement=name(order_pb2.Settlement, event.settlement) if event.HasField("settlement") else None,
    )


# reports


def state(stored: str) -> order_pb2.OrderState.ValueType:
    """Return a state by its stored name."""
    return order_pb2.OrderState.Value(f"ORDER_STATE_{stored}")


def step_message(row: Any) -> timeline_pb2.TimelineStep:
    """Write a step from its row."""
    return timeline_pb2.TimelineStep(
        event_id=row.event_id,
        event_type=row.event_type,
        producer=row.producer,
        occur_time=time_message(row.occur_time),
        seen_time=time_message(row.seen_time),
        latency_ms=latency_ms(row.occur_time, row.seen_time),
        attempts=row.attempts,
        causation_id=row.causation_id,
        summary=row.summary,
    )


def remaining_message(step: Remaining, *, overdue: bool) -> timeline_pb2.RemainingStep:
    """Write a step that is still to come."""
    return timeline_pb2.RemainingStep(
        event_type=step.event_type,
        owner=step.owner,
        expected_by=time_message(step.expected_by) if step.expected_by else None,
        overdue=overdue,
    )


def summary_message(row: Any) -> report_pb2.OrderSummary:
    """Write a summary from its row."""
    message = report_pb2.OrderSummary(
        order_id=row.order_id,
        customer_id=row.customer_id,
        state=state(row.state),
        facts=order_pb2.OrderFacts(
            reservation=order_pb2.ReservationFact.Value(f"RESERVATION_FACT_{row.reservation}"),
            invoice=order_pb2.InvoiceFact.Value(f"INVOICE_FACT_{row.invoice}"),
            payment=order_pb2.PaymentFact.Value(f"PAYMENT_FACT_{row.payment}"),
            approval=order_pb2.ApprovalFact.Value(f"APPROVAL_FACT_{row.approval}"),
        ),
        net=money_message(Money(row.currency_code, row.net_minor_units)),
        tax=money_message(Money(row.currency_code, row.tax_minor_units)),
        total=money_message(Money(row.currency_code, row.total_minor_units)),
        placed_by=person_message(row.placed_by_subject, row.placed_by_username),
        place_time=time_message(row.place_time),
        deadline_time=time_message(row.deadline_time) if row.deadline_time else None,
        last_event_type=row.last_event_type,
        last_event_time=time_message(row.last_event_time),
    )
    if row.cancel_reason:
        message.cancel_reason = order_pb2.CancelReason.Value(f"CANCEL_REASON_{row.cancel_reason}")
    if row.settlement:
        message.settlement = order_pb2.Settlement.Value(f"SETTLEMENT_{row.settlement}")
    return message
