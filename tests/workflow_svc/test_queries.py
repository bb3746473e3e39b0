"""Reads of workflow_svc: who sees what, page by page."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from atlas.workflow.v1 import approval_pb2, policy_pb2
from chassis.errors import InvalidPageToken, Refusal
from chassis.world import Actor
from tests.workflow_svc.builders import ISSUER, eur, order_placed, payment_succeeded
from tests.workflow_svc.desk import APPROVER, REQUESTER, Desk
from workflow_svc import queries

STRANGER = Actor(ISSUER, "stranger-id", "stranger", "atlas-cli", frozenset({"workflow:read"}))


def test_approval_is_read_by_those_who_may_see_it(desk: Desk) -> None:
    order_id = str(uuid.uuid4())
    desk.publish(order_placed(order_id, eur(1_000_000)), payment_succeeded(order_id))
    request = approval_pb2.GetApprovalRequest(approval_id=desk.approval_of(order_id).approval_id)
    with desk.application.database.begin() as connection:
        for actor in (APPROVER, REQUESTER):
            found = queries.get_approval(connection, request, actor).approval
            assert (found.order_id, found.subject_id) == (order_id, order_id)
        assert found.steps[0].due_time.ToDatetime() - found.create_time.ToDatetime() == timedelta(days=1)
        assert not found.steps[1].HasField("due_time")
        with pytest.raises(Refusal) as refused:
            queries.get_approval(connection, request, STRANGER)
    assert refused.value.reason == "NOT_FOUND"


def test_approvals_are_paged_newest_first_and_filtered_by_state(desk: Desk) -> None:
    before = {approval.approval_id for approval in desk.approvals(APPROVER, page_size=200)}
    orders = [str(uuid.uuid4()) for _ in range(3)]
    for order_id in orders:
        desk.publish(order_placed(order_id, eur(1_000_000)))
        desk.clock.advance(timedelta(seconds=1))
    pager = desk.application.edge().pager
    seen: list[approval_pb2.Approval] = []
    token = ""
    with desk.application.database.begin() as connection:
        while True:
            request = approval_pb2.ListApprovalsRequest(
                page_size=2, page_token=token, state=[approval_pb2.APPROVAL_STATE_PENDING]
            )
            response = queries.list_approvals(connection, request, APPROVER, pager=pager)
            seen.extend(response.approvals)
            token = response.next_page_token
            if not token:
                break
        foreign = approval_pb2.ListApprovalsRequest(page_token=desk_token(desk))
        with pytest.raises(InvalidPageToken):
            queries.list_approvals(connection, foreign, STRANGER, pager=pager)
    assert [each.order_id for each in seen if each.approval_id not in before] == orders[::-1]
    assert desk.approvals(APPROVER, state=[approval_pb2.APPROVAL_STATE_NOT_REQUIRED]) == []


def desk_token(desk: Desk) -> str:
    """A page token of another caller."""
    with desk.application.database.begin() as connection:
        request = approval_pb2.ListApprovalsRequest(page_size=1)
        return queries.list_approvals(connection, request, APPROVER, pager=desk.application.edge().pager).next_page_token


def test_seeded_policy_is_shown_as_documented(desk: Desk) -> None:
    pager = desk.application.edge().pager
    with desk.application.database.begin() as connection:
        (listed,) = queries.list_policies(connection, policy_pb2.ListPoliciesRequest(), APPROVER, pager=pager).policies
        request = policy_pb2.GetPolicyRequest(policy_id="orders-default")
        shown = queries.get_policy(connection, request, APPROVER).policy
        with pytest.raises(Refusal) as refused:
            queries.get_policy(connection, policy_pb2.GetPolicyRequest(policy_id="nothing"), APPROVER)
    assert refused.value.reason == "NOT_FOUND"
    assert shown == listed
    assert (shown.policy_version, shown.version, shown.opens) == (1, 1, policy_pb2.POLICY_OPENING_AFTER_PAYMENT)
    assert [rule.when.total_at_least.minor_units for rule in shown.rules] == [100_000, 1_000_000]
    assert [[step.role for step in rule.steps] for rule in shown.rules] == [["Approver"], ["Approver", "Finance"]]
    steps = [step for rule in shown.rules for step in rule.steps]
    assert {(s.quorum, s.deadline_seconds, s.on_timeout) for s in steps} == {(1, 86_400, policy_pb2.TIMEOUT_ACTION_REJECT)}
