"""How the orders, approvals and policies of workflow_svc are loaded and saved."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.database import insert_rows
from chassis.money import Money
from chassis.store import Child, Columns, Mapping, Store
from chassis.world import Keys, World, keys
from workflow_svc import tables
from workflow_svc.domain.approval import Approval, DecisionMade, Request, Step, Verdict
from workflow_svc.domain.events import About
from workflow_svc.domain.order import Order
from workflow_svc.domain.person import Person
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

ORDER_POLICY = "orders-default"
DECISIONS_KEPT = "decisions_kept"


def _order_columns(order: Order) -> Columns:
    by = order.placed_by
    return {
        "placed": order.placed,
        "paid": order.paid,
        "cancelled": order.cancelled,
        "placed_by_issuer": by.issuer if by else None,
        "placed_by_subject": by.subject if by else None,
        "placed_by_username": by.username if by else None,
        "approval_id": order.approval_id,
    }


def _order(row: Any, _children: list[list[Any]]) -> Order:
    by = None
    if row.placed_by_subject is not None:
        by = Person(row.placed_by_issuer, row.placed_by_subject, row.placed_by_username)
    return Order(row.order_id, row.placed, row.paid, row.cancelled, by, row.approval_id)


def _approval_columns(value: Approval) -> Columns:
    request = value.request
    return {
        "order_id": value.about.order_id,
        "subject_type": value.about.subject_type,
        "subject_id": value.about.subject_id,
        "state": value.state,
        "withdrawn": value.withdrawn,
        "requester_issuer": value.requester.issuer,
        "requester_subject": value.requester.subject,
        "requester_username": value.requester.username,
        "policy_id": request.policy_id,
        "policy_version": request.policy_version,
        "matched_rules": list(request.matched_rules),
        "customer_id": request.inputs.customer_id,
        "discount_basis_points": request.inputs.discount_basis_points,
        "currency_code": request.inputs.total.currency_code,
        "total_minor_units": request.inputs.total.minor_units,
        "terms_version": request.terms_version,
    }


def _step_columns(value: Approval) -> list[Columns]:
    return [
        {
            "approval_id": value.approval_id,
            "step_number": step.step_number,
            "role": step.asks.role,
            "quorum": step.asks.quorum,
            "deadline_seconds": step.asks.deadline_seconds,
            "on_timeout": step.asks.on_timeout,
            "reminder_seconds": list(step.asks.reminder_seconds),
            "escalate_to": list(step.asks.escalate_to),
            "state": value.state_of(step),
            "due_time": step.due_time,
        }
        for step in value.steps
    ]


def _decision_columns(value: Approval) -> list[Columns]:
    return [
        {
            "approval_id": value.approval_id,
            "sequence": made.sequence,
            "step_number": step.step_number,
            "decider_issuer": made.decided_by.issuer,
            "decider_subject": made.decided_by.subject,
            "decider_username": made.decided_by.username,
            "requester_issuer": value.requester.issuer,
            "requester_subject": value.requester.subject,
            "decision": made.verdict,
            "comment": made.comment,
            "decide_time": made.decide_time,
        }
        for step in value.steps
        for made in step.decisions
    ]


def approval_of(row: Any, children: list[list[Any]]) -> Approval:
    """Rebuild an approval from its row, its steps and its decisions."""
    steps, decisions = children
    made = defaultdict(list)
    for each in decisions:
        who = Person(each.decider_issuer, each.decider_subject, each.decider_username)
        made[each.step_number].append(DecisionMade(each.sequence, who, Verdict(each.decision), each.comment, each.decide_time))
    return Approval(
        approval_id=row.approval_id,
        about=About(row.order_id, SubjectType(row.subject_type), row.subject_id),
        requester=Person(row.requester_issuer, row.requester_subject, row.requester_username),
        request=Request(
            policy_id=row.policy_id,
            policy_version=row.policy_version,
            matched_rules=tuple(row.matched_rules),
            inputs=Subject(Money(row.currency_code, row.total_minor_units), row.discount_basis_points, row.customer_id),
            terms_version=row.terms_version,
        ),
        steps=tuple(Step(s.step_number, _asks(s), s.due_time, tuple(made[s.step_number])) for s in steps),
        withdrawn=row.withdrawn,
    )


def _asks(row: Any) -> PolicyStep:
    return PolicyStep(
        role=row.role,
        quorum=row.quorum,
        deadline_seconds=row.deadline_seconds,
        on_timeout=TimeoutAction(row.on_timeout),
        reminder_seconds=tuple(row.reminder_seconds),
        escalate_to=tuple(row.escalate_to),
    )


def policy_of(row: Any) -> Policy:
    """Rebuild a policy from its row; a rule with a part this build does not know raises instead of matching too much."""
    return Policy(
        policy_id=row.policy_id,
        policy_version=row.policy_version,
        subject_type=SubjectType(row.subject_type),
        opens=Opening(row.opens),
        rules=tuple(
            Rule(rule["name"], _condition(**rule["when"]), tuple(_step(**step) for step in rule["steps"])) for rule in row.rules
        ),
    )


def _condition(
    *,
    total_at_least: dict[str, Any] | None = None,
    discount_basis_points_at_least: int | None = None,
    customer_ids: tuple[str, ...] = (),
) -> Condition:
    amount = None if total_at_least is None else Money(**total_at_least)
    return Condition(amount, discount_basis_points_at_least, tuple(customer_ids))


def _step(*, on_timeout: str, reminder_seconds: Any = (), escalate_to: Any = (), **rest: Any) -> PolicyStep:
    return PolicyStep(
        **rest,
        on_timeout=TimeoutAction(on_timeout),
        reminder_seconds=tuple(reminder_seconds),
        escalate_to=tuple(escalate_to),
    )


ORDERS = Mapping(Order, tables.orders, "order_id", _order_columns, _order, is_stream=True)
APPROVALS = Mapping(
    Approval,
    tables.approval,
    "approval_id",
    _approval_columns,
    approval_of,
    children=(
        Child(tables.approval_step, "approval_id", _step_columns),
        Child(tables.approval_decision, "approval_id", lambda _approval: []),
    ),
)


class WorkflowStore(Store):
    """Locks the order first, whichever of the two a message names, then its approval."""

    def __init__(self) -> None:
        super().__init__(ORDERS, APPROVALS)

    def load(self, connection: sa.Connection, keys_: Keys) -> World:
        """Load orders with their approvals, the newest order policy, and which decisions are kept already."""
        approval_ids = {key for kind, key in keys_ if kind is Approval}
        order_ids = {key for kind, key in keys_ if kind is Order} | _orders_of(connection, approval_ids)
        world = super().load(connection, keys(Order, order_ids))
        wanted = {order.approval_id for order in world.all(Order) if order.approval_id}
        if wanted:
            self.load_kind(connection, world, APPROVALS, sorted(wanted))
        world.extra[DECISIONS_KEPT] = {
            (value.approval_id, made.sequence) for value in world.all(Approval) for made in value.decisions
        }
        world.extra[ORDER_POLICY] = newest_policy(connection, ORDER_POLICY)
        return world

    def save(self, connection: sa.Connection, world: World) -> None:
        """Write what changed; of the decisions only the new ones, since a decision is never written twice."""
        super().save(connection, world)
        kept = world.extra[DECISIONS_KEPT]
        made = [columns for row in world.changed(Approval) for columns in _decision_columns(row.aggregate)]
        fresh = [columns for columns in made if (columns["approval_id"], columns["sequence"]) not in kept]
        insert_rows(connection, tables.approval_decision, fresh)


def _orders_of(connection: sa.Connection, approval_ids: set[str]) -> set[str]:
    if not approval_ids:
        return set()
    wanted = sa.bindparam("ids", sorted(approval_ids), type_=pg.ARRAY(tables.Uuid))
    statement = sa.select(tables.approval.c.order_id).where(tables.approval.c.approval_id == sa.any_(wanted))
    return set(connection.execute(statement).scalars())


def newest_policy(connection: sa.Connection, policy_id: str) -> Policy:
    """Return the newest version of a policy that the migrations put there."""
    newest = sa.select(tables.policy).where(tables.policy.c.policy_id == policy_id)
    return policy_of(connection.execute(newest.order_by(tables.policy.c.policy_version.desc()).limit(1)).one())


STORE = WorkflowStore()
