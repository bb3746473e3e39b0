"""workflow_svc as a whole, on a real database: facts in, answers out, people in between."""

from __future__ import annotations

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from atlas.billing.v1 import invoice_pb2
from atlas.workflow.v1 import approval_pb2, workflow_events_pb2
from chassis.command_handling import Answer, run_commands
from chassis.errors import Refusal
from tests.workflow_svc.builders import eur, order_cancelled, order_placed, payment_succeeded
from tests.workflow_svc.desk import APPROVER, BOTH, FINANCE, REQUESTER, Desk, an_actor
from workflow_svc.invariants import check

LARGE, SMALL = eur(1_200_000), eur(150_000)
PENDING, GRANTED = approval_pb2.APPROVAL_STATE_PENDING, approval_pb2.APPROVAL_STATE_GRANTED
REJECTED, WITHDRAWN = approval_pb2.APPROVAL_STATE_REJECTED, approval_pb2.APPROVAL_STATE_WITHDRAWN


@pytest.fixture
def order_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(autouse=True)
def _invariants_hold(desk: Desk) -> object:
    yield
    with desk.application.database.begin() as connection:
        assert [finding for finding in check(connection) if finding.wrong] == []


def reason(answer: Answer) -> str:
    assert isinstance(answer.error, Refusal), answer
    return answer.error.reason


def test_every_placed_order_is_answered(desk: Desk, order_id: str) -> None:
    other = str(uuid.uuid4())
    desk.publish(order_placed(order_id, eur(99_999)), order_placed(other, LARGE))
    (free,) = desk.published(order_id)
    assert isinstance(free, workflow_events_pb2.ApprovalNotRequired)
    assert (free.policy_id, free.policy_version, free.terms_version) == ("orders-default", 1, 1)
    (requested,) = desk.published(other)
    assert isinstance(requested, workflow_events_pb2.ApprovalRequested)
    assert [(step.role, step.quorum) for step in requested.steps] == [("Approver", 1), ("Finance", 1)]
    assert requested.longest_seconds == 2 * 86_400


def test_two_people_grant_a_large_order_after_its_payment(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, LARGE))
    assert reason(desk.decide(APPROVER, desk.approval_of(order_id))) == "ILLEGAL_STATE"
    desk.publish(payment_succeeded(order_id, invoice_pb2.INVOICE_STATE_PARTIALLY_PAID))
    assert reason(desk.decide(APPROVER, desk.approval_of(order_id))) == "ILLEGAL_STATE"
    desk.publish(payment_succeeded(order_id))
    approval = desk.approval_of(order_id)
    assert reason(desk.decide(REQUESTER, approval)) == "SELF_APPROVAL"
    assert reason(desk.decide(FINANCE, approval)) == "INSUFFICIENT_SCOPE"
    assert reason(desk.decide(an_actor("svc", "Approver", human=False), approval)) == "HUMAN_ONLY"
    assert reason(desk.decide(APPROVER, approval, terms_version=2)) == "STALE_DECISION"
    assert reason(desk.decide(APPROVER, approval, expected_version=approval.version + 1)) == "VERSION_MISMATCH"
    assert reason(desk.decide(APPROVER, approval, reject=True, comment=" ")) == "VALIDATION_FAILED"
    answer = desk.decide(BOTH, approval, expected_version=approval.version)
    assert isinstance(answer.response, approval_pb2.ApproveRequestResponse)
    assert answer.response.approval.version == approval.version + 1
    assert reason(desk.decide(BOTH, approval)) == "ALREADY_DECIDED"
    assert desk.kinds(order_id) == ["ApprovalRequested"]
    assert desk.decide(FINANCE, approval).error is None
    assert desk.kinds(order_id) == ["ApprovalRequested", "ApprovalGranted"]
    assert desk.published(order_id)[-1].decided_by.username == "finance"  # type: ignore[attr-defined]
    kept = desk.approval_of(order_id)
    assert kept.state == GRANTED
    assert [made.decided_by.username for step in kept.steps for made in step.decisions] == ["approver2", "finance"]
    assert reason(desk.decide(an_actor("late", "Finance"), approval)) == "ALREADY_DECIDED"


def test_one_rejection_is_final(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, LARGE), payment_succeeded(order_id))
    assert desk.decide(APPROVER, desk.approval_of(order_id), reject=True).error is None
    assert desk.approval_of(order_id).state == REJECTED
    assert desk.kinds(order_id) == ["ApprovalRequested", "ApprovalRejected"]


def test_assignee_me_shows_what_the_caller_may_decide_now(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, LARGE))
    mine = {"order_id": order_id, "assignee": "me"}
    assert desk.approvals(APPROVER, **mine) == []
    desk.publish(payment_succeeded(order_id))
    assert len(desk.approvals(APPROVER, **mine)) == len(desk.approvals(BOTH, **mine)) == 1
    assert desk.approvals(FINANCE, **mine) == desk.approvals(REQUESTER, **mine) == []
    assert desk.approvals(an_actor("svc", "Approver", human=False), **mine) == []
    desk.decide(BOTH, desk.approval_of(order_id))
    assert desk.approvals(APPROVER, **mine) == desk.approvals(BOTH, **mine) == []
    assert len(desk.approvals(FINANCE, **mine)) == 1


def test_cancel_in_flight_withdraws_and_the_late_approver_is_told(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, SMALL), payment_succeeded(order_id))
    approval = desk.approval_of(order_id)
    desk.publish(order_cancelled(order_id))
    answer = desk.decide(APPROVER, approval)
    assert reason(answer) == "ILLEGAL_STATE"
    assert "WITHDRAWN" in str(answer.error)
    assert desk.kinds(order_id) == ["ApprovalRequested", "ApprovalWithdrawn"]


def test_cancel_after_the_grant_leaves_the_decision_as_it_was(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, SMALL), payment_succeeded(order_id))
    desk.decide(APPROVER, desk.approval_of(order_id))
    desk.publish(order_cancelled(order_id))
    assert desk.approval_of(order_id).state == GRANTED
    assert desk.kinds(order_id) == ["ApprovalRequested", "ApprovalGranted"]


def test_two_approvers_in_one_batch_first_wins_and_the_loser_gets_the_state(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, SMALL), payment_succeeded(order_id))
    approval = desk.approval_of(order_id)
    won, lost = desk.run([desk.call(APPROVER, approval, reject=True), desk.call(BOTH, approval)])
    assert won.error is None
    assert reason(lost) == "ALREADY_DECIDED"
    assert "REJECTED" in str(lost.error)
    assert desk.kinds(order_id) == ["ApprovalRequested", "ApprovalRejected"]


def test_two_approvers_in_concurrent_transactions_first_wins(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, SMALL), payment_succeeded(order_id))
    approval = desk.approval_of(order_id)
    calls = [desk.call(APPROVER, approval, reject=True), desk.call(BOTH, approval)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda call: run_commands(desk.application.service, [call])[0], calls))
    desk.settle()
    assert sorted(answer.error is None for answer in answers) == [False, True]
    assert [reason(answer) for answer in answers if answer.error] == ["ALREADY_DECIDED"]
    assert len(desk.kinds(order_id)) == 2


def test_requester_sees_his_own_approval_and_nobody_elses(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, SMALL))
    assert len(desk.approvals(REQUESTER, order_id=order_id)) == 1
    stranger = an_actor("stranger")
    blind = type(stranger)(stranger.issuer, stranger.subject, "stranger", "atlas-cli", frozenset({"workflow:read"}))
    assert desk.approvals(blind, order_id=order_id) == []


@pytest.mark.parametrize("facts", sorted(set(itertools.permutations("pmc"))))
def test_any_order_of_topics_with_duplicates_leaves_nothing_to_decide(desk: Desk, order_id: str, facts: str) -> None:
    make = {"p": order_placed(order_id, LARGE), "m": payment_succeeded(order_id), "c": order_cancelled(order_id)}
    for fact in (*facts, *facts):
        desk.publish(make[fact])
    told = desk.kinds(order_id)
    assert told in ([], ["ApprovalRequested", "ApprovalWithdrawn"])
    assert bool(told) == (facts.index("p") < facts.index("c"))
    assert [approval.state for approval in desk.approvals(APPROVER, order_id=order_id)] == [WITHDRAWN] * bool(told)


def test_rewound_consumer_changes_nothing(desk: Desk, order_id: str) -> None:
    desk.publish(order_placed(order_id, LARGE), payment_succeeded(order_id))
    before = desk.approval_of(order_id)
    desk.application.consumer.rewind()
    desk.settle()
    assert desk.approval_of(order_id) == before
    assert desk.kinds(order_id) == ["ApprovalRequested"]
