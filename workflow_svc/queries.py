"""Reads of workflow_svc: SQL to response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from atlas.workflow.v1 import approval_pb2, policy_pb2
from chassis.calls import visible_to
from chassis.paging import Pager
from chassis.world import Actor, Row
from workflow_svc import wire
from workflow_svc.domain.approval import Approval
from workflow_svc.domain.errors import ApprovalNotFound, OtherSubject, PolicyNotFound
from workflow_svc.domain.policy import evaluate
from workflow_svc.store import approval_of, policy_of
from workflow_svc.tables import approval, approval_decision, approval_step, policy


def get_approval(
    connection: sa.Connection, request: approval_pb2.GetApprovalRequest, actor: Actor
) -> approval_pb2.GetApprovalResponse:
    """Read one approval that the caller may see."""
    wanted = approval.c.approval_id == request.approval_id
    visible = visible_to(actor, approval.c.requester_subject)
    rows = connection.execute(sa.select(approval).where(wanted, *visible)).all()
    if not rows:
        raise ApprovalNotFound(request.approval_id)
    return approval_pb2.GetApprovalResponse(approval=_messages(connection, rows)[0])


def list_approvals(
    connection: sa.Connection, request: approval_pb2.ListApprovalsRequest, actor: Actor, *, pager: Pager
) -> approval_pb2.ListApprovalsResponse:
    """List approvals, newest first."""
    statement = sa.select(approval).where(*visible_to(actor, approval.c.requester_subject))
    if request.HasField("order_id"):
        statement = statement.where(approval.c.order_id == request.order_id)
    if request.state:
        names = [approval_pb2.ApprovalState.Name(state).removeprefix("APPROVAL_STATE_") for state in request.state]
        statement = statement.where(approval.c.state.in_(names))
    if request.HasField("assignee"):
        statement = statement.where(*_may_be_decided_by(actor))
    page = pager.page(request, actor)
    rows, token = page.select(connection, statement, approval.c.create_time.desc(), approval.c.approval_id.desc())
    return approval_pb2.ListApprovalsResponse(approvals=_messages(connection, rows), next_page_token=token)


def _may_be_decided_by(actor: Actor) -> Sequence[sa.ColumnElement[bool]]:
    """The terms of domain.approval for who may decide, as SQL: role of the open step, not the requester, no vote yet."""
    if not (actor.human and actor.may("workflow:approve")):
        return (sa.false(),)
    step, made = approval_step.c, approval_decision.c
    is_requester = sa.and_(approval.c.requester_issuer == actor.issuer, approval.c.requester_subject == actor.subject)
    open_step = sa.exists().where(
        step.approval_id == approval.c.approval_id, step.state == "OPEN", step.role.in_(sorted(actor.roles))
    )
    has_voted = sa.exists().where(
        made.approval_id == approval.c.approval_id,
        made.decider_issuer == actor.issuer,
        made.decider_subject == actor.subject,
    )
    return (approval.c.state == "PENDING", open_step, ~is_requester, ~has_voted)


def _messages(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[approval_pb2.Approval]:
    ids = [row.approval_id for row in rows]
    families = [
        connection.execute(sa.select(table).where(table.c.approval_id.in_(ids)).order_by(*table.primary_key)).all()
        for table in (approval_step, approval_decision)
    ]
    messages = []
    for row in rows:
        mine = [[each for each in family if each.approval_id == row.approval_id] for family in families]
        kept: Row[Approval] = Row(
            approval_of(row, mine), version=row.version, create_time=row.create_time, update_time=row.update_time
        )
        messages.append(wire.approval_message(kept))
    return messages


def get_policy(connection: sa.Connection, request: policy_pb2.GetPolicyRequest, _actor: Actor) -> policy_pb2.GetPolicyResponse:
    """Read the newest version of one policy."""
    row = _newest(connection, request.policy_id)
    return policy_pb2.GetPolicyResponse(policy=wire.policy_message(policy_of(row), row.create_time))


def evaluate_policy(
    connection: sa.Connection, request: policy_pb2.EvaluatePolicyRequest, _actor: Actor
) -> policy_pb2.EvaluatePolicyResponse:
    """Say what the newest version of a policy asks for, as it would of a subject that is read now."""
    subject, asked = wire.subject(request), wire.subject_type(request)
    newest = policy_of(_newest(connection, request.policy_id))
    if asked not in (None, newest.subject_type):
        raise OtherSubject(newest.policy_id, asked, newest.subject_type)
    return wire.evaluated(newest, evaluate(newest, subject))


def _newest(connection: sa.Connection, policy_id: str) -> sa.Row[Any]:
    statement = sa.select(policy).where(policy.c.policy_id == policy_id)
    row = connection.execute(statement.order_by(policy.c.policy_version.desc()).limit(1)).one_or_none()
    if row is None:
        raise PolicyNotFound(policy_id)
    return row


def list_policies(
    connection: sa.Connection, request: policy_pb2.ListPoliciesRequest, actor: Actor, *, pager: Pager
) -> policy_pb2.ListPoliciesResponse:
    """List policies, each in its newest version, newest first."""
    numbers = sa.select(policy.c.policy_id, sa.func.max(policy.c.policy_version)).group_by(policy.c.policy_id)
    statement = sa.select(policy).where(sa.tuple_(policy.c.policy_id, policy.c.policy_version).in_(numbers))
    page = pager.page(request, actor)
    rows, token = page.select(connection, statement, policy.c.create_time.desc(), policy.c.policy_id.desc())
    messages = [wire.policy_message(policy_of(row), row.create_time) for row in rows]
    return policy_pb2.ListPoliciesResponse(policies=messages, next_page_token=token)
