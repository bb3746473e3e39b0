"""Where protobuf and orders meet: which fact each event states, and that every event we publish keeps its contract."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import invoice_pb2
from atlas.billing.v1 import payment_events_pb2 as payments
from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.common.v1.money_pb2 import Money as MoneyMessage
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.orders.v1 import order_events_pb2, order_pb2
from atlas.workflow.v1 import policy_pb2
from atlas.workflow.v1 import workflow_events_pb2 as workflow
from chassis import validation
from chassis.money import Money
from order_svc import wire
from order_svc.domain import events, facts
from order_svc.domain import order as orders
from order_svc.domain.facts import Approval, Attempt, Fact, Outcome
from tests.order_svc.builders import (
    BUYER,
    DEADLINES,
    EXCEPTION_ID,
    LATER,
    ORDER_ID,
    PAYMENT_ID,
    RELEASED,
    a_cancelled_order,
    a_confirmed_order,
    a_line,
    an_order,
    closed,
    lines,
)

ORDER, REFUND = policy_pb2.SUBJECT_TYPE_ORDER, policy_pb2.SUBJECT_TYPE_REFUND
PAID = facts.PaymentMoved(1, Attempt.SUCCEEDED, PAYMENT_ID, invoice_paid=True)
SHORT = facts.PaymentMoved(1, Attempt.SUCCEEDED, PAYMENT_ID)
FINAL = facts.PaymentMoved(2, Attempt.FAILED, exception_id=EXCEPTION_ID)
BACK = facts.BillingClosed(Outcome.REFUNDED, 2, frozenset({PAYMENT_ID}), (Money("EUR", 5),))

ROWS: list[tuple[type[Message], dict[str, Any], Fact | None]] = [
    (inventory.InventoryReserved, {}, facts.Reserved()),
    (inventory.InventoryReservationFailed, {"reason": inventory.RESERVATION_FAILURE_BACKORDERED}, facts.Backordered()),
    (inventory.InventoryReservationFailed, {"reason": inventory.RESERVATION_FAILURE_UNKNOWN_ITEM}, facts.UnknownItem()),
    (inventory.InventoryReleased, {"reason": inventory.RELEASE_REASON_ORDER_CANCELLED}, facts.Released()),
    (inventory.InventoryReleased, {"reason": inventory.RELEASE_REASON_HOLD_RELEASED}, None),
    (billing.InvoiceCreated, {}, facts.InvoiceIssued()),
    (billing.InvoiceVoided, {}, facts.InvoiceVoided()),
    (payments.PaymentPending, {"attempt_number": 1}, facts.PaymentMoved(1, Attempt.PENDING)),
    (payments.PaymentUnknown, {"attempt_number": 1}, facts.PaymentMoved(1, Attempt.UNKNOWN)),
    (
        payments.PaymentSucceeded,
        {"attempt_number": 1, "payment_id": PAYMENT_ID, "invoice_state": invoice_pb2.INVOICE_STATE_PAID},
        PAID,
    ),
    (
        payments.PaymentSucceeded,
        {"attempt_number": 1, "payment_id": PAYMENT_ID, "invoice_state": invoice_pb2.INVOICE_STATE_CANCEL_REQUESTED},
        SHORT,
    ),
    (
        payments.PaymentSucceeded,
        {"invoice_state": invoice_pb2.INVOICE_STATE_PAID},
        facts.PaymentMoved(0, Attempt.SUCCEEDED, "", invoice_paid=True),
    ),
    (payments.PaymentFailed, {"attempt_number": 2, "final": True, "exception_id": EXCEPTION_ID}, FINAL),
    (
        payments.PaymentFailed,
        {"attempt_number": 2, "final": False, "exception_id": EXCEPTION_ID},
        facts.PaymentMoved(2, Attempt.FAILED),
    ),
    (
        billing.OrderBillingClosed,
        {
            "outcome": billing.BILLING_OUTCOME_REFUNDED,
            "revision": 2,
            "payment_ids": [PAYMENT_ID],
            "refunded": [MoneyMessage(currency_code="EUR", minor_units=5)],
        },
        BACK,
    ),
    (workflow.ApprovalNotRequired, {"subject_type": ORDER}, facts.ApprovalMoved(Approval.NOT_REQUIRED)),
    (
        workflow.ApprovalRequested,
        {"subject_type": ORDER, "longest_seconds": 60},
        facts.ApprovalMoved(Approval.PENDING, longest_seconds=60),
    ),
    (workflow.ApprovalGranted, {"subject_type": ORDER}, facts.ApprovalMoved(Approval.GRANTED)),
    (workflow.ApprovalRejected, {"subject_type": ORDER}, facts.ApprovalMoved(Approval.REJECTED)),
    (workflow.ApprovalRejected, {"subject_type": REFUND}, None),
]


@pytest.mark.parametrize(("event", "fields", "fact"), ROWS)
def test_an_event_states_its_fact(event: type[Message], fields: dict[str, Any], fact: Fact | None) -> None:
    assert wire.told(event(order_id=ORDER_ID, **fields), EventMetadata()) == (ORDER_ID, fact)


def test_a_reason_of_a_later_build_is_no_fact() -> None:
    with pytest.raises(KeyError):
        wire.told(inventory.InventoryReservationFailed(order_id=ORDER_ID, reason=99), EventMetadata())  # type: ignore[arg-type]


def test_every_subscribed_event_has_a_row() -> None:
    assert {event for event, _, _ in ROWS} == set(wire.FACTS)


def _events() -> list[events.Event]:
    """One of each event, from what really happens to orders."""
    priced = lines(a_line("LAMP-01", 10, 2_390), a_line("DESK-02", 1, 19_900))
    cancelled = a_cancelled_order()
    settled = cancelled
    for fact in (RELEASED, closed(Outcome.NEVER_ISSUED)):
        settled, told = orders.learn(settled, fact, LATER, DEADLINES)
    _, _, shipped = orders.fulfill(a_confirmed_order(priced), (), fulfillment_id=PAYMENT_ID, tracking_reference=None, now=LATER)
    placed = an_order(priced=priced)
    return [
        events.OrderPlaced(placed),
        events.OrderCancelled(cancelled, BUYER),
        events.OrderCancelled(cancelled, None),
        events.OrderConfirmed(a_confirmed_order()),
        *shipped,
        *told,
    ]


@pytest.mark.parametrize("event", _events(), ids=lambda event: type(event).__name__)
def test_an_event_keeps_its_contract(event: events.Event) -> None:
    payload = wire.payload(event)
    assert type(payload).__name__ == type(event).__name__
    assert getattr(payload, "order_id") == ORDER_ID  # noqa: B009 - every payload has it
    assert validation.violations(payload) == ()


def test_a_placed_order_tells_each_lines_money() -> None:
    order = an_order(priced=lines(a_line("LAMP-01", 10, 2_390), a_line("DESK-02", 1, 19_900)))
    told = wire.payload(events.OrderPlaced(order))
    assert isinstance(told, order_events_pb2.OrderPlaced)
    assert [(line.sku, line.net.minor_units, line.tax.minor_units) for line in told.lines] == [
        ("LAMP-01", 23_900, 4_780),
        ("DESK-02", 19_900, 3_980),
    ]
    assert told.total.minor_units == sum(line.net.minor_units + line.tax.minor_units for line in told.lines)
    assert (told.placed_by.subject, told.placed_by_issuer) == (BUYER.subject, BUYER.issuer)


def test_a_state_change_tells_state_facts_and_deadline() -> None:
    told = wire.payload(events.OrderStateChanged(an_order(facts.Backordered())))
    assert isinstance(told, order_events_pb2.OrderStateChanged)
    assert told.state == order_pb2.ORDER_STATE_BACKORDERED
    assert told.facts.reservation == order_pb2.RESERVATION_FACT_BACKORDERED
    assert told.HasField("deadline_time")
