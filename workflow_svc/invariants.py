"""What has to hold in the database of workflow_svc at any time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.application import Finding
from workflow_svc.domain.approval import Approval, ApprovalState
from workflow_svc.store import approval_of
from workflow_svc.tables import approval, approval_decision, approval_step, orders

SHOWN = 10


def check(connection: sa.Connection) -> list[Finding]:
    """Check every invariant."""
    return [_derived(connection), _segregated(connection), _withdrawn(connection)]


def _derived(connection: sa.Connection) -> Finding:
    """Recompute every state from the facts it was computed from."""
    steps = _by_approval(connection, approval_step)
    decisions = _by_approval(connection, approval_decision)
    wrong, checked = [], 0
    for row in connection.execute(sa.select(approval).order_by(approval.c.approval_id)):
        checked += 1
        mine = steps.get(row.approval_id, [])
        value = approval_of(row, [mine, decisions.get(row.approval_id, [])])
        if row.state != value.state or [s.state for s in mine] != [value.state_of(s) for s in value.steps]:
            wrong.append(f"approval {row.approval_id} is stored as {row.state}, its decisions say {value.state}")
        elif _opened_too_far(value):
            wrong.append(f"approval {row.approval_id} has a step open before an earlier one is approved")
    statement = "the state of each approval follows from its steps and decisions"
    return Finding("I9.approval", statement, checked, tuple(wrong[:SHOWN]))


def _opened_too_far(value: Approval) -> bool:
    later = False
    for step in value.steps:
        if later and step.due_time is not None:
            return True
        later = later or not step.is_approved
    return False


def _by_approval(connection: sa.Connection, table: sa.Table) -> dict[str, list[Any]]:
    result: dict[str, list[Any]] = {}
    for row in connection.execute(sa.select(table).order_by(*table.primary_key)):
        result.setdefault(row.approval_id, []).append(row)
    return result


def _segregated(connection: sa.Connection) -> Finding:
    """Look for approvals that their requester decided, or one person twice."""
    made = approval_decision.c
    requester_decided = sa.and_(
        made.decider_issuer == approval.c.requester_issuer, made.decider_subject == approval.c.requester_subject
    )
    people = sa.func.count(sa.distinct(sa.tuple_(made.decider_issuer, made.decider_subject)))
    statement = (
        sa.select(approval.c.approval_id)
        .join(approval_decision, made.approval_id == approval.c.approval_id)
        .group_by(approval.c.approval_id)
        .having(sa.or_(sa.func.bool_or(requester_decided), people < sa.func.count()))
    )
    wrong = [
        f"approval {each} was decided by its requester, or by one person twice"
        for each in connection.execute(statement).scalars()
    ]
    checked = connection.execute(sa.select(sa.func.count()).select_from(approval_decision)).scalar_one()
    return Finding("I10.duties", "requester and deciders are all different people", checked, tuple(wrong[:SHOWN]))


def _withdrawn(connection: sa.Connection) -> Finding:
    """Look for approvals that people are asked to decide though the order is cancelled."""
    cancelled = (
        sa.select(approval.c.approval_id, approval.c.state)
        .join(orders, orders.c.order_id == approval.c.order_id)
        .where(orders.c.cancelled)
    )
    rows = connection.execute(cancelled).all()
    wrong = [
        f"approval {row.approval_id} is pending, its order is cancelled" for row in rows if row.state == ApprovalState.PENDING
    ]
    return Finding("I9.withdrawn", "no approval of a cancelled order is pending", len(rows), tuple(wrong[:SHOWN]))
