"""The timeline of an order: one step an event, and what is still to come if all goes well."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from reporting_svc.seen import Changed, Seen

ORDER, INVENTORY, BILLING, WORKFLOW = "order-svc", "inventory-svc", "billing-svc", "workflow-svc"


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One event of an order, when it was read. Written once, never changed."""

    seen: Seen
    seen_time: datetime

    @property
    def key(self) -> str:
        """The event_id, so that the same event read again is the same step."""
        return self.seen.event_id


def latency_ms(occur_time: datetime, seen_time: datetime) -> int:
    """Return the time from happening to being read; clocks that disagree by a little give 0, never less."""
    return max(0, round((seen_time - occur_time).total_seconds() * 1000))


@dataclass(frozen=True, slots=True)
class Remaining:
    """One event that is still to come; no `expected_by` means that it waits for a person."""

    event_type: str
    owner: str
    expected_by: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have happened by now."""
        return self.expected_by is not None and self.expected_by < now


def remaining(order: Changed, seen_types: Collection[str]) -> list[Remaining]:
    """Return what is still to come from what order_svc last said, in the order in which it should come."""
    if order.settlement is None and order.state == "FULFILLED":
        return []
    steps = _fulfilment(order) if order.settlement is None else _settlement(order, seen_types)
    return [Remaining(name, owner, None if waits else order.deadline_time) for name, owner, waits in steps]


Step = tuple[str, str, bool]
"""Event type, owner, and whether it waits for a person."""


def _fulfilment(order: Changed) -> Iterator[Step]:
    if order.reservation != "RESERVED":
        yield "InventoryReserved", INVENTORY, False
    if order.invoice == "AWAITED":
        yield "InvoiceCreated", BILLING, False
    if order.payment != "PAID":
        yield "PaymentSucceeded", BILLING, order.state == "PAYMENT_FAILED"
    if order.approval == "AWAITED":
        yield "ApprovalNotRequired", WORKFLOW, False
    if order.approval == "PENDING":
        yield "ApprovalGranted", WORKFLOW, True
    if order.state not in ("CONFIRMED", "PARTIALLY_FULFILLED"):
        yield "OrderConfirmed", ORDER, False
    yield "OrderFulfilled", ORDER, True


def _settlement(order: Changed, seen_types: Collection[str]) -> Iterator[Step]:
    if order.settlement == "SETTLED":
        return
    if order.settlement == "FAILED":
        yield "RefundSucceeded", BILLING, True
    if "InventoryReleased" not in seen_types:
        yield "InventoryReleased", INVENTORY, False
    if order.settlement == "FAILED" or "OrderBillingClosed" not in seen_types:
        yield "OrderBillingClosed", BILLING, False
    yield "OrderCancellationSettled", ORDER, False
