"""Asking a policy over REST: what it answers, and what it refuses with which pointer."""

from __future__ import annotations

from typing import Any

import pytest

from cli.client import CliProblem, Json, RestClient
from cli.scenarios.stage import euros

pytestmark = pytest.mark.stack

DAY = 86_400


def a_subject(**changes: Any) -> Json:
    """An order of 12,000.00 EUR with these members changed; None leaves one out."""
    whole = {"customer_id": "cust-1001", "total": euros(1_200_000), "discount_basis_points": 0} | changes
    return {name: value for name, value in whole.items() if value is not None}


def ask(client: RestClient, subject: Json, policy: str = "orders-default") -> Json:
    """What the policy says, to a buyer, without an Idempotency-Key."""
    path = f"/v1/approval-policies/{policy}/evaluate"
    answer: Json = client.send("POST", path, "buyer", json=subject).body
    return answer


def test_a_buyer_learns_who_would_have_to_approve(client: RestClient) -> None:
    answer = ask(client, a_subject(subject_type="ORDER"))
    assert (answer["policy_version"], answer["matched_rules"]) == (1, ["total-1000-eur", "total-10000-eur"])
    assert [(step["role"], step["quorum"], step["deadline_seconds"]) for step in answer["steps"]] == [
        ("Approver", 1, DAY),
        ("Finance", 1, DAY),
    ]
    nobody = ask(client, a_subject(total=euros(99_999)))
    assert (nobody["matched_rules"], nobody["steps"]) == ([], [])


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"total": None}, 422, "VALIDATION_FAILED", "/total"),
        ({"total": euros(-1)}, 422, "VALIDATION_FAILED", "/total"),
        ({"total": euros(2**53)}, 422, "VALIDATION_FAILED", "/total/minor_units"),
        ({"total": {"currency_code": "EURO", "minor_units": 1}}, 422, "VALIDATION_FAILED", "/total/currency_code"),
        ({"total": {"currency_code": "ZZZ", "minor_units": 1}}, 422, "VALIDATION_FAILED", "/total/currency_code"),
        ({"total": 12}, 400, "MALFORMED_JSON", "/total"),
        ({"customer_id": None}, 422, "VALIDATION_FAILED", "/customer_id"),
        ({"discount_basis_points": 10_001}, 422, "VALIDATION_FAILED", "/discount_basis_points"),
        ({"discount_basis_points": -1}, 422, "VALIDATION_FAILED", "/discount_basis_points"),
        ({"subject_type": "REFUND"}, 422, "VALIDATION_FAILED", "/subject_type"),
        ({"subject_type": "ODER"}, 400, "MALFORMED_JSON", "/subject_type"),
        ({"requester": "somebody"}, 400, "UNKNOWN_FIELD", "/requester"),
    ],
    ids=str,
)
def test_a_subject_that_no_policy_can_judge_is_refused(
    client: RestClient, changes: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    with pytest.raises(CliProblem) as refused:
        ask(client, a_subject(**changes))
    problem = refused.value
    assert (problem.status, problem.problem_code) == (status, code)
    assert [error["pointer"] for error in problem.document["errors"]] == [pointer]
    assert problem.document["hint"]


def test_a_policy_that_does_not_exist_is_not_found(client: RestClient) -> None:
    with pytest.raises(CliProblem) as refused:
        ask(client, a_subject(), "orders-elsewhere")
    assert (refused.value.status, refused.value.problem_code) == (404, "NOT_FOUND")
    assert "orders-elsewhere" in refused.value.document["detail"]
