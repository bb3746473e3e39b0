"""Policies: which rules match, and how their steps are united."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.money import Money
from tests.workflow_svc.builders import DAY, a_policy, a_rule, a_step, a_subject, eur
from workflow_svc.domain.policy import Condition, PolicyStep, Rule, TimeoutAction, evaluate, unite


@pytest.mark.parametrize(
    ("minor_units", "roles"),
    [
        (0, []),
        (99_999, []),
        (100_000, ["Approver"]),
        (999_999, ["Approver"]),
        (1_000_000, ["Approver", "Finance"]),
        (2**53 - 1, ["Approver", "Finance"]),
    ],
)
def test_seeded_policy_asks_by_amount(minor_units: int, roles: list[str]) -> None:
    evaluation = evaluate(a_policy(), a_subject(eur(minor_units)))
    assert [step.role for step in evaluation.steps] == roles
    assert evaluation.longest_seconds == DAY * len(roles)


def test_all_matching_rules_are_named_in_rule_order() -> None:
    assert evaluate(a_policy(), a_subject(eur(1_200_000))).matched_rules == ("total-1000-eur", "total-10000-eur")


@pytest.mark.parametrize("minor_units", [0, 1, 5_000_000])
def test_currency_that_no_rule_names_matches_the_strictest_rule(minor_units: int) -> None:
    evaluation = evaluate(a_policy(), a_subject(Money("USD", minor_units)))
    assert evaluation.matched_rules == ("total-10000-eur",)
    assert [step.role for step in evaluation.steps] == ["Approver", "Finance"]


def test_currency_that_a_rule_names_is_compared_in_it() -> None:
    policy = a_policy(a_rule("eur", eur(100), a_step("Approver")), a_rule("usd", Money("USD", 500), a_step("Finance")))
    assert evaluate(policy, a_subject(Money("USD", 499))).steps == ()
    assert evaluate(policy, a_subject(Money("USD", 500))).matched_rules == ("usd",)


def test_strictest_rule_still_needs_its_other_conditions() -> None:
    only_big_customers = Rule("big", Condition(eur(1), customer_ids=("cust-9",)), (a_step("Approver"), a_step("Finance")))
    policy = a_policy(only_big_customers, a_rule("any", eur(1), a_step("Approver")))
    assert evaluate(policy, a_subject(Money("USD", 1))).matched_rules == ("any",)
    assert evaluate(policy, a_subject(Money("USD", 1), customer="cust-9")).matched_rules == ("big",)


def test_discount_and_customer_are_conditions_of_their_own() -> None:
    discount = Rule("discount", Condition(discount_basis_points_at_least=1_500), (a_step("Finance"),))
    customer = Rule("customer", Condition(customer_ids=("cust-2",)), (a_step("Approver"),))
    policy = a_policy(discount, customer)
    assert evaluate(policy, a_subject(eur(1), discount=1_499)).steps == ()
    assert evaluate(policy, a_subject(eur(1), discount=1_500)).matched_rules == ("discount",)
    assert evaluate(policy, a_subject(eur(1), 1_500, "cust-2")).matched_rules == ("discount", "customer")


def test_one_step_per_role_with_the_largest_quorum_where_the_role_came_first() -> None:
    united = unite([a_step("Approver"), a_step("Finance"), a_step("Approver", 3), a_step("Approver", 2)])
    assert [(step.role, step.quorum) for step in united] == [("Approver", 3), ("Finance", 1)]


def test_longest_time_counts_escalations_only_where_they_happen() -> None:
    escalating = PolicyStep("Approver", 1, 100, TimeoutAction.ESCALATE, escalate_to=("Finance", "Ops"))
    assert escalating.longest_seconds == 300
    assert replace(escalating, on_timeout=TimeoutAction.REJECT).longest_seconds == 100


@pytest.mark.parametrize(("quorum", "deadline"), [(0, 1), (1, 0)])
def test_step_nobody_could_decide_cannot_be_built(quorum: int, deadline: int) -> None:
    with pytest.raises(ValueError, match="quorum and a deadline"):
        PolicyStep("Approver", quorum, deadline, TimeoutAction.REJECT)
