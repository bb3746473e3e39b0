"""What workflow learns of an order, in any order and any number of times."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money
from tests.workflow_svc.builders import (
    APPROVAL_ID,
    BUYER,
    DAY,
    NOW,
    ORDER_ID,
    a_decider,
    a_decision,
    a_placed,
    a_policy,
    eur,
)
from workflow_svc.domain.approval import Approval, ApprovalState, StepState, decide
from workflow_svc.domain.events import ApprovalNotRequired, ApprovalRequested, ApprovalWithdrawn, Event
from workflow_svc.domain.facts import Cancelled
from workflow_svc.domain.order import Order, learn_cancelled, learn_paid, learn_placed
from workflow_svc.domain.policy import Opening, Policy


@dataclass
class Case:
    """Feeds facts, by their first letters: placed, money, cancelled."""

    total: Money
    policy: Policy = field(default_factory=a_policy)
    order: Order = field(default_factory=lambda: Order(ORDER_ID))
    approval: Approval | None = None
    events: list[Event] = field(default_factory=list)

    def learn(self, facts: str) -> Case:
        for fact in facts:
            if fact == "p":
                placed = a_placed(self.total)
                learned = learn_placed(self.order, placed, self.policy, approval_id=APPROVAL_ID, now=NOW)
            elif fact == "m":
                learned = learn_paid(self.order, self.approval, NOW)
            else:
                learned = learn_cancelled(self.order, self.approval, Cancelled(ORDER_ID, BUYER))
            self.order, self.approval = learned.order, learned.approval or self.approval
            self.events.extend(learned.events)
        return self

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


def test_small_order_is_answered_at_once() -> None:
    case = Case(eur(99_999)).learn("p")
    assert case.kinds == [ApprovalNotRequired]
    assert case.approval is None


def test_large_order_pins_policy_rules_and_inputs() -> None:
    case = Case(eur(1_200_000)).learn("p")
    (requested,) = case.events
    assert isinstance(requested, ApprovalRequested)
    assert requested.longest_seconds == 2 * DAY
    assert [step.role for step in requested.steps] == ["Approver", "Finance"]
    assert case.approval is not None
    assert case.approval.request.policy_version == 1
    assert case.approval.request.inputs.total == eur(1_200_000)
    assert case.approval.request.matched_rules == ("total-1000-eur", "total-10000-eur")


@pytest.mark.parametrize("facts", ["pm", "mp"])
def test_first_step_opens_with_the_payment_whichever_is_read_first(facts: str) -> None:
    approval = Case(eur(1_200_000)).learn(facts).approval
    assert approval is not None
    assert [approval.state_of(step) for step in approval.steps] == [StepState.OPEN, StepState.WAITING]
    assert approval.steps[0].due_time == NOW + timedelta(seconds=DAY)


def test_policy_may_open_at_placement() -> None:
    approval = Case(eur(100_000), a_policy(opens=Opening.ON_PLACEMENT)).learn("p").approval
    assert approval is not None
    assert approval.state_of(approval.steps[0]) is StepState.OPEN


@pytest.mark.parametrize("facts", ["pc", "pmc", "mpc"])
def test_cancel_withdraws_what_is_pending(facts: str) -> None:
    case = Case(eur(100_000)).learn(facts)
    assert case.kinds == [ApprovalRequested, ApprovalWithdrawn]
    assert case.approval is not None
    assert case.approval.state is ApprovalState.WITHDRAWN
    assert case.approval.state_of(case.approval.steps[0]) is StepState.SUPERSEDED


def test_cancel_read_first_is_a_tombstone_and_the_order_needs_no_answer() -> None:
    case = Case(eur(100_000)).learn("cpm")
    assert case.events == []
    assert case.approval is None
    assert case.order == Order(ORDER_ID, placed=True, paid=True, cancelled=True, placed_by=BUYER)


def test_cancel_after_the_grant_changes_no_decision() -> None:
    case = Case(eur(100_000)).learn("pm")
    assert case.approval is not None
    approver = a_decider("approver", "Approver")
    case.approval, _ = decide(case.approval, a_decision(case.approval), decider=approver, version=1, now=NOW)
    case.learn("c")
    assert case.approval.state is ApprovalState.GRANTED
    assert case.kinds == [ApprovalRequested]


@given(
    st.permutations("pm").flatmap(lambda facts: st.lists(st.sampled_from("pm"), max_size=6).map(lambda more: facts + more)),
    st.sampled_from([eur(5), eur(100_000), eur(1_200_000), Money("JPY", 1)]),
)
def test_any_order_and_repetition_of_live_facts_ends_the_same(facts: list[str], total: Money) -> None:
    case, straight = Case(total).learn("".join(facts)), Case(total).learn("pm")
    assert (case.order, case.approval, case.events) == (straight.order, straight.approval, straight.events)


@given(
    st.permutations("pmc").flatmap(lambda facts: st.lists(st.sampled_from("pmc"), max_size=6).map(lambda more: facts + more)),
    st.sampled_from([eur(5), eur(100_000), eur(1_200_000)]),
)
def test_any_order_and_repetition_with_a_cancel_leaves_nothing_to_decide(facts: list[str], total: Money) -> None:
    case = Case(total).learn("".join(facts))
    assert (case.order.placed, case.order.paid, case.order.cancelled) == (True, True, True)
    assert case.order.placed_by == BUYER
    assert case.approval is None or case.approval.state is ApprovalState.WITHDRAWN
    assert case.kinds.count(ApprovalWithdrawn) == case.kinds.count(ApprovalRequested)
    assert len(case.events) == len(set(case.kinds))
