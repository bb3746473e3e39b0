"""What is still to come, for every state an order can be in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reporting_svc.projections.timeline import Remaining, latency_ms, remaining
from reporting_svc.seen import Changed
from tests.reporting_svc.builders import DEADLINE, NOW


def facts(state: str, *known: str, settlement: str | None = None) -> Changed:
    reservation, invoice, payment, approval = (*known, *["AWAITED"] * 4)[:4]
    return Changed(state, reservation, invoice, payment, approval, DEADLINE, settlement)


SHIP = "OrderFulfilled?"
CONFIRM = ["OrderConfirmed", SHIP]


@pytest.mark.parametrize(
    ("order", "seen", "coming"),
    [
        (facts("PLACED"), [], ["InventoryReserved", "InvoiceCreated", "PaymentSucceeded", "ApprovalNotRequired", *CONFIRM]),
        (
            facts("BACKORDERED", "BACKORDERED", "AWAITED", "AWAITED", "NOT_REQUIRED"),
            [],
            ["InventoryReserved", "InvoiceCreated", "PaymentSucceeded", *CONFIRM],
        ),
        (
            facts("RESERVED", "RESERVED", "AWAITED", "AWAITED", "PENDING"),
            [],
            ["InvoiceCreated", "PaymentSucceeded", "ApprovalGranted?", *CONFIRM],
        ),
        (facts("AWAITING_PAYMENT", "RESERVED", "OPEN", "PENDING", "NOT_REQUIRED"), [], ["PaymentSucceeded", *CONFIRM]),
        (facts("PAYMENT_FAILED", "RESERVED", "OPEN", "FAILED", "NOT_REQUIRED"), [], ["PaymentSucceeded?", *CONFIRM]),
        (facts("AWAITING_APPROVAL", "RESERVED", "PAID", "PAID", "PENDING"), [], ["ApprovalGranted?", *CONFIRM]),
        (facts("CONFIRMED", "RESERVED", "PAID", "PAID", "GRANTED"), [], [SHIP]),
        (facts("FULFILLED", "RESERVED", "PAID", "PAID", "GRANTED"), [], []),
        (
            facts("CANCELLED", settlement="PENDING"),
            [],
            ["InventoryReleased", "OrderBillingClosed", "OrderCancellationSettled"],
        ),
        (
            facts("CANCELLED", settlement="PENDING"),
            ["InventoryReleased"],
            ["OrderBillingClosed", "OrderCancellationSettled"],
        ),
        (
            facts("CANCELLED", settlement="FAILED"),
            ["InventoryReleased", "OrderBillingClosed"],
            ["RefundSucceeded?", "OrderBillingClosed", "OrderCancellationSettled"],
        ),
        (facts("CANCELLED", settlement="SETTLED"), [], []),
    ],
)
def test_what_is_still_to_come_follows_from_the_facts(order: Changed, seen: list[str], coming: list[str]) -> None:
    found = remaining(order, seen)
    assert [step.event_type + ("" if step.expected_by else "?") for step in found] == coming


def test_step_is_overdue_after_its_time_and_never_when_it_waits_for_a_person() -> None:
    step = Remaining("InvoiceCreated", "billing-svc", NOW)
    assert not step.is_overdue(NOW)
    assert step.is_overdue(NOW + timedelta(milliseconds=1))
    assert not Remaining("ApprovalGranted", "workflow-svc", None).is_overdue(NOW)


def test_latency_is_never_negative() -> None:
    assert latency_ms(NOW, NOW + timedelta(milliseconds=1_234)) == 1_234
    assert latency_ms(NOW, NOW - timedelta(days=3)) == 0
