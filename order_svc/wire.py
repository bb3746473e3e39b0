"""Where protobuf and the domain of orders meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import invoice_pb2
from atlas.billing.v1 import payment_events_pb2 as payments
from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.orders.v1 import cancellation_pb2, fulfillment_pb2, order_events_pb2, order_pb2, order_service_pb2, quote_pb2
from atlas.workflow.v1 import policy_pb2
from atlas.workflow.v1 import workflow_events_pb2 as workflow
from chassis.money import total
from chassis.values import known_currency, money, money_message, person_message, time_message
from chassis.world import World
from order_svc.domain import events, facts, pricing
from order_svc.domain.commands import CancelOrder, CancelRemaining, FulfillOrder, PlaceOrder
from order_svc.domain.order import Fulfillment, LineCancellation, Order, Person, State, Terms
from order_svc.resources import (
    enum_value,
    facts_message,
    fulfillment_lines,
    fulfillment_message,
    line_messages,
    order_message,
    set_ending,
)


def _name(enum: Any, prefix: str, value: int) -> str:
    return cast(EnumTypeWrapper, enum).Name(value).removeprefix(f"{prefix}_")


# Requests.


def lines(request: order_service_pb2.PlaceOrderRequest | quote_pb2.QuoteOrderRequest) -> tuple[pricing.Line, ...]:
    """Read and price the lines of a request."""
    known_currency(request.currency_code, "currency_code")
    return pricing.price([_line_request(line) for line in request.lines])


def _line_request(line: order_pb2.OrderLineInput) -> pricing.LineRequest:
    return pricing.LineRequest(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=money(line.unit_price),
        discount_basis_points=line.discount_basis_points,
        tax_rate_basis_points=line.tax_rate_basis_points,
    )


def place_order(request: order_service_pb2.PlaceOrderRequest) -> PlaceOrder:
    """Read a request to place an order."""
    reference = request.client_reference if request.HasField("client_reference") else None
    terms = Terms(request.customer_id, request.currency_code, request.payment_method, reference, lines(request))
    return PlaceOrder(terms)


def cancel_order(request: order_service_pb2.CancelOrderRequest) -> CancelOrder:
    """Read a request to cancel."""
    reason = _name(order_pb2.CancelReason, "CANCEL_REASON", request.reason)
    return CancelOrder(request.order_id, reason, _expected(request))


def cancel_remaining(request: cancellation_pb2.CancelRemainingRequest) -> CancelRemaining:
    """Read a request to cancel what remains."""
    reason = _name(order_pb2.CancelReason, "CANCEL_REASON", request.reason)
    return CancelRemaining(request.order_id, reason, _expected(request))


def fulfill_order(request: fulfillment_pb2.FulfillOrderRequest) -> FulfillOrder:
    """Read a request to ship."""
    wanted = tuple((line.line_number, line.quantity) for line in request.lines)
    tracking = request.tracking_reference if request.HasField("tracking_reference") else None
    return FulfillOrder(request.order_id, wanted, tracking, _expected(request))


def state(value: int) -> State:
    """Read a state that a list is filtered by."""
    return State(_name(order_pb2.OrderState, "ORDER_STATE", value))


def _expected(request: Any) -> int | None:
    return request.expected_version if request.HasField("expected_version") else None


# Responses.


def placed(world: World, order: Order) -> order_service_pb2.PlaceOrderResponse:
    """Answer PlaceOrder."""
    return order_service_pb2.PlaceOrderResponse(order=order_message(world.row(order)))


def cancelled(world: World, order: Order) -> order_service_pb2.CancelOrderResponse:
    """Answer CancelOrder."""
    return order_service_pb2.CancelOrderResponse(order=order_message(world.row(order)))


def closed_short(world: World, order: Order) -> cancellation_pb2.CancelRemainingResponse:
    """Answer CancelRemaining."""
    return cancellation_pb2.CancelRemainingResponse(order=order_message(world.row(order)))


def fulfilled(world: World, fulfillment: Fulfillment) -> fulfillment_pb2.FulfillOrderResponse:
    """Answer FulfillOrder."""
    return fulfillment_pb2.FulfillOrderResponse(fulfillment=fulfillment_message(world.row(fulfillment)))


def quoted(priced: tuple[pricing.Line, ...]) -> quote_pb2.QuoteOrderResponse:
    """Answer QuoteOrder."""
    terms = Terms("", priced[0].unit_price.currency_code, "", None, priced)
    net = total((line.net for line in terms.lines), terms.currency_code)
    tax = total((line.tax for line in terms.lines), terms.currency_code)
    return quote_pb2.QuoteOrderResponse(
        lines=line_messages(priced), net=money_message(net), tax=money_message(tax), total=money_message(net + tax)
    )


# Facts that others publish.


def told(event: Any, _metadata: EventMetadata) -> tuple[str, facts.Fact | None]:
    """Read which order an event is about, and the fact it states; None where it is no fact about an order."""
    return event.order_id, FACTS[type(event)](event)


_RESERVATION_FAILURES: dict[Any, facts.Fact] = {
    inventory.RESERVATION_FAILURE_BACKORDERED: facts.Backordered(),
    inventory.RESERVATION_FAILURE_UNKNOWN_ITEM: facts.UnknownItem(),
}


def _reservation_failed(event: inventory.InventoryReservationFailed) -> facts.Fact:
    """A reason that this build does not know is no fact to guess at: the KeyError parks the event."""
    return _RESERVATION_FAILURES[event.reason]


def _released(event: inventory.InventoryReleased) -> facts.Fact | None:
    """A hold that an operator released settles nothing."""
    return None if event.reason == inventory.RELEASE_REASON_HOLD_RELEASED else facts.Released()


def _attempt(attempt: facts.Attempt) -> Callable[[Any], facts.Fact]:
    return lambda event: facts.PaymentMoved(event.attempt_number, attempt)


def _payment_succeeded(event: payments.PaymentSucceeded) -> facts.Fact:
    paid = event.invoice_state == invoice_pb2.INVOICE_STATE_PAID
    return facts.PaymentMoved(event.attempt_number, facts.Attempt.SUCCEEDED, event.payment_id, paid)


def _payment_failed(event: payments.PaymentFailed) -> facts.Fact:
    exception = event.exception_id if event.final else ""
    return facts.PaymentMoved(event.attempt_number, facts.Attempt.FAILED, exception_id=exception)


def _billing_closed(event: billing.OrderBillingClosed) -> facts.Fact:
    outcome = facts.Outcome(_name(billing.BillingOutcome, "BILLING_OUTCOME", event.outcome))
    refunded = tuple(money(amount) for amount in event.refunded)
    return facts.BillingClosed(outcome, event.revision, frozenset(event.payment_ids), refunded)


def _approval(value: facts.Approval) -> Callable[[Any], facts.Fact | None]:
    """An approval of something else than the order is no fact about it."""

    def read(event: Any) -> facts.Fact | None:
        if event.subject_type != policy_pb2.SUBJECT_TYPE_ORDER:
            return None
        return facts.ApprovalMoved(value, getattr(event, "longest_seconds", 0))

    return read


FACTS: dict[type[Message], Callable[[Any], facts.Fact | None]] = {
    inventory.InventoryReserved: lambda _event: facts.Reserved(),
    inventory.InventoryReservationFailed: _reservation_failed,
    inventory.InventoryReleased: _released,
    billing.InvoiceCreated: lambda _event: facts.InvoiceIssued(),
    billing.InvoiceVoided: lambda _event: facts.InvoiceVoided(),
    billing.OrderBillingClosed: _billing_closed,
    payments.PaymentPending: _attempt(facts.Attempt.PENDING),
    payments.PaymentUnknown: _attempt(facts.Attempt.UNKNOWN),
    payments.PaymentSucceeded: _payment_succeeded,
    payments.PaymentFailed: _payment_failed,
    workflow.ApprovalNotRequired: _approval(facts.Approval.NOT_REQUIRED),
    workflow.ApprovalRequested: _approval(facts.Approval.PENDING),
    workflow.ApprovalGranted: _approval(facts.Approval.GRANTED),
    workflow.ApprovalRejected: _approval(facts.Approval.REJECTED),
}


# Events that we publish.


def payload(event: events.Event) -> Message:
    """Write an event as its payload."""
    match event:
        case events.OrderPlaced(order):
            return _placed_payload(order)
        case events.OrderCancelled(order, by):
            return order_events_pb2.OrderCancelled(
                order_id=order.order_id,
                reason=enum_value(order_pb2.CancelReason, "CANCEL_REASON", order.cancel_reason),
                by=person_message(by.subject, by.username) if by else None,
                lines=_line_quantities(order),
                place_time=time_message(order.place_time),
                placed_by=person_message(order.placed_by.subject, order.placed_by.username),
                placed_by_issuer=order.placed_by.issuer,
            )
        case events.OrderConfirmed(order):
            return order_events_pb2.OrderConfirmed(order_id=order.order_id, lines=_line_quantities(order))
        case events.OrderPartiallyFulfilled(order, fulfillment):
            return order_events_pb2.OrderPartiallyFulfilled(order_id=order.order_id, fulfillment=_shipment(fulfillment))
        case events.OrderFulfilled(order, fulfillment):
            shipped = _shipment(fulfillment) if fulfillment else None
            return order_events_pb2.OrderFulfilled(order_id=order.order_id, fulfillment=shipped)
        case events.OrderLinesCancelled(order, cancellation, by):
            return _lines_cancelled_payload(order, cancellation, by)
        case events.OrderCancellationSettled(order):
            return _settled_payload(order)
        case events.OrderStateChanged(order):
            message = order_events_pb2.OrderStateChanged(
                order_id=order.order_id,
                state=enum_value(order_pb2.OrderState, "ORDER_STATE", order.state),
                facts=facts_message(order),
            )
            set_ending(message, order)
            return message


def _shipment(fulfillment: Fulfillment) -> order_events_pb2.Shipment:
    return order_events_pb2.Shipment(fulfillment_id=fulfillment.fulfillment_id, lines=fulfillment_lines(fulfillment.lines))


def _lines_cancelled_payload(order: Order, cancellation: LineCancellation, by: Person) -> order_events_pb2.OrderLinesCancelled:
    return order_events_pb2.OrderLinesCancelled(
        order_id=order.order_id,
        cancellation_id=cancellation.cancellation_id,
        terms_version=order.terms_version,
        reason=enum_value(order_pb2.CancelReason, "CANCEL_REASON", order.cancel_reason),
        by=person_message(by.subject, by.username),
        lines=[
            order_events_pb2.CancelledLine(
                line_number=line.line_number,
                sku=line.sku,
                quantity=line.quantity,
                net=money_message(line.net),
                tax=money_message(line.tax),
            )
            for line in cancellation.lines
        ],
    )


def _settled_payload(order: Order) -> order_events_pb2.OrderCancellationSettled:
    closed = order.known.closed
    return order_events_pb2.OrderCancellationSettled(
        order_id=order.order_id,
        settlement=enum_value(order_pb2.Settlement, "SETTLEMENT", order.settlement or "PENDING"),
        revision=closed.revision if closed else 0,
        refunded=[money_message(amount) for amount in closed.refunded] if closed else [],
    )


def _placed_payload(order: Order) -> order_events_pb2.OrderPlaced:
    net, tax = order.net, order.tax
    return order_events_pb2.OrderPlaced(
        order_id=order.order_id,
        place_time=time_message(order.place_time),
        placed_by=person_message(order.placed_by.subject, order.placed_by.username),
        placed_by_issuer=order.placed_by.issuer,
        customer_id=order.customer_id,
        currency_code=order.currency_code,
        payment_method=order.payment_method,
        net=money_message(net),
        tax=money_message(tax),
        total=money_message(net + tax),
        terms_version=order.terms_version,
        lines=[
            order_events_pb2.PlacedLine(
                line_number=line.line_number,
                sku=line.sku,
                quantity=line.quantity,
                unit_price=money_message(line.unit_price),
                discount_basis_points=line.discount_basis_points,
                tax_rate_basis_points=line.tax_rate_basis_points,
                net=money_message(line.net),
                tax=money_message(line.tax),
            )
            for line in order.lines
        ],
    )


def _line_quantities(order: Order) -> list[order_events_pb2.LineQuantity]:
    return [
        order_events_pb2.LineQuantity(line_number=line.line_number, sku=line.sku, quantity=line.quantity)
        for line in order.lines
    ]
