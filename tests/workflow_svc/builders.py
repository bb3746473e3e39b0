"""Builders for the tests of workflow_svc: people, orders, approvals, and events of the other services."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from atlas.billing.v1 import invoice_pb2, payment_events_pb2
from atlas.common.v1 import event_metadata_pb2, money_pb2
from atlas.orders.v1 import order_events_pb2
from chassis.money import Money
from workflow_svc.domain.approval import Approval, Decide, Verdict
from workflow_svc.domain.events import Terms
from workflow_svc.domain.facts import Placed
from workflow_svc.domain.order import Order, learn_placed
from workflow_svc.domain.person import Decider, Person
from workflow_svc.domain.policy import (
    Condition,
    Opening,
    Policy,
    PolicyStep,
    Rule,
    Subject,
    SubjectType,
    TimeoutAction,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = 86_400
ISSUER = "https://issuer.test/realms/atlas-erp"
BUYER = Person(ISSUER, "buyer-id", "buyer")
ORDER_ID = str(uuid.UUID(int=1))
APPROVAL_ID = str(uuid.UUID(int=2))


def eur(minor_units: int) -> Money:
    """An amount in EUR."""
    return Money("EUR", minor_units)


def a_step(role: str, quorum: int = 1) -> PolicyStep:
    """A step of one day that is rejected when nobody decides."""
    return PolicyStep(role, quorum, DAY, TimeoutAction.REJECT)


def a_rule(name: str, least: Money | None, *steps: PolicyStep) -> Rule:
    """A rule on an amount."""
    return Rule(name, Condition(total_at_least=least), steps)


def a_policy(*rules: Rule, opens: Opening = Opening.AFTER_PAYMENT) -> Policy:
    """A policy of these rules; without rules the seeded one."""
    seeded = (
        a_rule("total-1000-eur", eur(100_000), a_step("Approver")),
        a_rule("total-10000-eur", eur(1_000_000), a_step("Approver"), a_step("Finance")),
    )
    return Policy("orders-default", 1, SubjectType.ORDER, opens, rules or seeded)


def a_subject(total: Money, discount: int = 0, customer: str = "cust-1") -> Subject:
    """What a policy looks at."""
    return Subject(total, discount, customer)


def a_placed(total: Money, order_id: str = ORDER_ID, placed_by: Person = BUYER) -> Placed:
    """An order of this total."""
    return Placed(order_id, placed_by, a_subject(total), terms_version=1)


def an_approval(total: Money, policy: Policy | None = None, *, is_open: bool = True) -> Approval:
    """The approval that an order of this total needs, open unless said otherwise."""
    learned = learn_placed(
        Order(ORDER_ID, paid=is_open), a_placed(total), policy or a_policy(), approval_id=APPROVAL_ID, now=NOW
    )
    assert learned.approval is not None
    return learned.approval


def a_decider(name: str, *roles: str) -> Decider:
    """A person with these roles."""
    return Decider(Person(ISSUER, f"{name}-id", name), frozenset(roles), human=True)


def a_decision(approval: Approval, verdict: Verdict = Verdict.APPROVED, comment: str = "") -> Decide:
    """A decision on the current terms."""
    return Decide(approval.approval_id, verdict, comment, Terms(approval.terms.version, approval.terms.total))


def order_placed(order_id: str, total: Money, placed_by: Person = BUYER) -> order_events_pb2.OrderPlaced:
    """OrderPlaced of one line."""
    amount = money_pb2.Money(currency_code=total.currency_code, minor_units=total.minor_units)
    nothing = money_pb2.Money(currency_code=total.currency_code, minor_units=0)
    line = order_events_pb2.PlacedLine(line_number=1, sku="LAMP-01", quantity=1, unit_price=amount, net=amount, tax=nothing)
    return order_events_pb2.OrderPlaced(
        order_id=order_id,
        placed_by=event_metadata_pb2.Person(subject=placed_by.subject, username=placed_by.username),
        placed_by_issuer=placed_by.issuer,
        customer_id="cust-1",
        currency_code=total.currency_code,
        payment_method="pm_ok",
        net=amount,
        tax=nothing,
        total=amount,
        terms_version=1,
        lines=[line],
    )


def order_cancelled(order_id: str, placed_by: Person = BUYER) -> order_events_pb2.OrderCancelled:
    """OrderCancelled."""
    return order_events_pb2.OrderCancelled(
        order_id=order_id,
        placed_by=event_metadata_pb2.Person(subject=placed_by.subject, username=placed_by.username),
        placed_by_issuer=placed_by.issuer,
    )


def payment_succeeded(
    order_id: str, state: invoice_pb2.InvoiceState.ValueType = invoice_pb2.INVOICE_STATE_PAID
) -> payment_events_pb2.PaymentSucceeded:
    """PaymentSucceeded that leaves the invoice in this state."""
    return payment_events_pb2.PaymentSucceeded(
        order_id=order_id,
        invoice_id=str(uuid.UUID(int=7)),
        payment_id=str(uuid.UUID(int=8)),
        attempt_number=1,
        invoice_state=state,
    )
