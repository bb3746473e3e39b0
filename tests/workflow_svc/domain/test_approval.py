"""Approvals: who may decide what, when, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money
from tests.workflow_svc.builders import (
    BUYER,
    DAY,
    ISSUER,
    NOW,
    a_decider,
    a_decision,
    a_policy,
    a_rule,
    a_step,
    an_approval,
    eur,
)
from workflow_svc.domain.approval import Approval, ApprovalState, StepState, Verdict, decide, derive
from workflow_svc.domain.errors import (
    AlreadyDecided,
    CommentMissing,
    HumanOnly,
    NotPending,
    RoleMissing,
    SelfApproval,
    StaleDecision,
    StepNotOpen,
    VersionMismatch,
    VotedBefore,
    WorkflowRefusal,
)
from workflow_svc.domain.events import ApprovalGranted, ApprovalRejected, Event, Terms
from workflow_svc.domain.person import Decider, Person

APPROVER = a_decider("approver", "Approver")
FINANCE = a_decider("finance", "Finance")
BOTH = a_decider("approver2", "Approver", "Finance", "Buyer")
LARGE = eur(1_200_000)
SMALL = eur(100_000)


def decided(
    approval: Approval, decider: Decider, verdict: Verdict = Verdict.APPROVED, comment: str = "because"
) -> tuple[Approval, tuple[Event, ...]]:
    return decide(approval, a_decision(approval, verdict, comment), decider=decider, version=1, now=NOW)


def test_single_approval_grants_a_one_step_request() -> None:
    approval, events = decided(an_approval(SMALL), APPROVER)
    assert approval.state is ApprovalState.GRANTED
    assert events == (ApprovalGranted(approval.about, approval.approval_id, APPROVER.person, approval.terms),)


def test_second_step_opens_when_the_first_is_approved_and_gets_a_deadline_of_its_own() -> None:
    approval = an_approval(LARGE)
    assert [approval.state_of(step) for step in approval.steps] == [StepState.OPEN, StepState.WAITING]
    later = NOW + timedelta(hours=5)
    approval, events = decide(approval, a_decision(approval), decider=APPROVER, version=1, now=later)
    assert events == ()
    assert approval.state is ApprovalState.PENDING
    assert [approval.state_of(step) for step in approval.steps] == [StepState.DECIDED, StepState.OPEN]
    assert approval.steps[1].due_time == later + timedelta(seconds=DAY)
    approval, events = decided(approval, FINANCE)
    assert approval.state is ApprovalState.GRANTED
    assert [type(event) for event in events] == [ApprovalGranted]


def test_one_rejection_ends_the_request_at_any_step() -> None:
    rejected, events = decided(an_approval(LARGE), APPROVER, Verdict.REJECTED)
    assert rejected.state is ApprovalState.REJECTED
    assert [rejected.state_of(step) for step in rejected.steps] == [StepState.DECIDED, StepState.SUPERSEDED]
    assert [type(event) for event in events] == [ApprovalRejected]
    half, _ = decided(an_approval(LARGE), APPROVER)
    assert decided(half, FINANCE, Verdict.REJECTED)[0].state is ApprovalState.REJECTED


def test_service_account_never_decides() -> None:
    with pytest.raises(HumanOnly):
        decided(an_approval(SMALL), replace(APPROVER, human=False))


def test_requester_never_decides_whatever_he_is_called_and_whatever_his_roles() -> None:
    requester = Decider(Person(BUYER.issuer, BUYER.subject, "renamed"), frozenset({"Approver", "Finance"}), human=True)
    with pytest.raises(SelfApproval):
        decided(an_approval(SMALL), requester)


def test_same_subject_of_another_issuer_is_another_person() -> None:
    stranger = Decider(Person(ISSUER + "-other", BUYER.subject), frozenset({"Approver"}), human=True)
    assert decided(an_approval(SMALL), stranger)[0].state is ApprovalState.GRANTED


def test_same_person_cannot_decide_a_second_step() -> None:
    half, _ = decided(an_approval(LARGE), BOTH)
    with pytest.raises(VotedBefore, match="you have decided step 1") as refused:
        decided(half, BOTH)
    assert refused.value.reason == "ALREADY_DECIDED"


def test_quorum_counts_different_people_only() -> None:
    policy = a_policy(a_rule("two", eur(1), a_step("Approver", 2)))
    once, events = decided(an_approval(SMALL, policy), APPROVER)
    assert (once.state, events) == (ApprovalState.PENDING, ())
    with pytest.raises(VotedBefore):
        decided(once, APPROVER)
    twice, _ = decided(once, BOTH)
    assert twice.state is ApprovalState.GRANTED
    assert [made.sequence for made in twice.decisions] == [1, 2]


def test_step_that_is_not_open_cannot_be_decided() -> None:
    with pytest.raises(StepNotOpen, match="PENDING") as refused:
        decided(an_approval(SMALL, is_open=False), APPROVER)
    assert refused.value.reason == "ILLEGAL_STATE"


def test_role_of_the_open_step_is_needed() -> None:
    with pytest.raises(RoleMissing, match="Approver"):
        decided(an_approval(LARGE), FINANCE)
    half, _ = decided(an_approval(LARGE), APPROVER)
    with pytest.raises(RoleMissing, match="step 2 is open and needs the role Finance"):
        decided(half, a_decider("other", "Approver"))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_after_the_first_terminal_decision_the_loser_learns_the_state(verdict: Verdict) -> None:
    ended, _ = decided(an_approval(SMALL), APPROVER, verdict)
    with pytest.raises(AlreadyDecided, match=str(ended.state)):
        decided(ended, BOTH)


def test_withdrawn_request_cannot_be_decided() -> None:
    with pytest.raises(NotPending, match="WITHDRAWN") as refused:
        decided(replace(an_approval(SMALL), withdrawn=True), APPROVER)
    assert refused.value.reason == "ILLEGAL_STATE"


@pytest.mark.parametrize("terms", [Terms(2, SMALL), Terms(1, eur(99_999)), Terms(1, Money("USD", 100_000))])
def test_decision_on_other_terms_is_stale(terms: Terms) -> None:
    approval = an_approval(SMALL)
    with pytest.raises(StaleDecision, match="100000 minor units of EUR"):
        decide(approval, replace(a_decision(approval), terms=terms), decider=APPROVER, version=1, now=NOW)


def test_expected_version_is_honoured() -> None:
    approval = an_approval(SMALL)
    wanted = replace(a_decision(approval), expected_version=3)
    with pytest.raises(VersionMismatch):
        decide(approval, wanted, decider=APPROVER, version=4, now=NOW)
    assert decide(approval, wanted, decider=APPROVER, version=3, now=NOW)[0].state is ApprovalState.GRANTED


@pytest.mark.parametrize("comment", ["", "  \t"])
def test_rejection_needs_a_comment(comment: str) -> None:
    with pytest.raises(CommentMissing) as refused:
        decided(an_approval(SMALL), APPROVER, Verdict.REJECTED, comment)
    assert [violation.field for violation in refused.value.violations] == ["comment"]


PEOPLE = [
    APPROVER,
    FINANCE,
    BOTH,
    a_decider("approver3", "Approver"),
    a_decider("admin", "Admin"),
    Decider(BUYER, frozenset({"Approver", "Finance"}), human=True),
]


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(Verdict)), max_size=8), st.integers(1, 2))
def test_whatever_people_try_duties_stay_segregated(tries: list[tuple[Decider, Verdict]], quorum: int) -> None:
    approval = an_approval(LARGE, a_policy(a_rule("r", eur(1), a_step("Approver", quorum), a_step("Finance"))))
    endings: list[Event] = []
    for decider, verdict in tries:
        try:
            approval, events = decided(approval, decider, verdict)
        except WorkflowRefusal:
            continue
        endings.extend(events)
    deciders = [(made.decided_by.issuer, made.decided_by.subject) for made in approval.decisions]
    assert len(set(deciders)) == len(deciders)
    assert (BUYER.issuer, BUYER.subject) not in deciders
    assert len(endings) == (approval.state is not ApprovalState.PENDING)
    assert approval.state == derive(approval.steps, withdrawn=False)
    if approval.state is ApprovalState.GRANTED:
        assert len(deciders) == quorum + 1
