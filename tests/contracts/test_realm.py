"""The realm file and the contracts speak of the same scopes."""

from __future__ import annotations

import json

from chassis.contracts import policy_of
from tests.contracts import schema
from tools import rbac

REALM = json.loads(rbac.REALM.read_text("utf-8"))
NAMED = {
    scope for method in schema.METHODS if (policy := policy_of(method)) for scope in [*policy.scopes, *policy.refining_scopes]
}


def test_every_scope_of_the_contracts_is_in_the_realm() -> None:
    assert set(rbac.scopes_of(REALM)) >= NAMED


def test_roles_consist_of_scopes_that_exist() -> None:
    assert frozenset().union(*rbac.roles_of(REALM).values()) <= set(rbac.scopes_of(REALM))


def test_every_call_is_open_to_some_role_and_none_to_nobody() -> None:
    for method in schema.METHODS:
        policy = policy_of(method)
        assert policy is not None
        assert any(scopes.issuperset(policy.scopes) for scopes in rbac.roles_of(REALM).values()), method.full_name


def test_no_service_account_may_decide() -> None:
    clients = {user["serviceAccountClientId"] for user in REALM["users"] if "serviceAccountClientId" in user}
    assert clients
    for client in clients:
        assert "workflow:approve" not in rbac.roles_of(REALM)[client]


def test_administrators_neither_order_nor_approve_nor_refund() -> None:
    forbidden = {"orders:write", "orders:cancel", "orders:fulfill", "workflow:approve", "billing:refund", "billing:manage"}
    assert not rbac.roles_of(REALM)["Admin"] & forbidden
