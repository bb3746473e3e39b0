"""The realm file: the roles in it are the matrix of docs, and what Keycloak would treat differently is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.auth import ALLOWED_CLIENT, INTERACTIVE_CLIENTS, ROLES, SCOPE_CLIENT
from deploy.dev_issuer.realm import Realm, RealmError, Role, User, load
from tests.deploy.dev_issuer.process import REALM_FILE
from tests.security.tokens import AUDIENCES

SEES_ALL = {"orders:read", "orders:read_all", "inventory:read", "billing:read", "workflow:read", "reporting:read"}
SCOPES = {
    "Admin": SEES_ALL | {"ledger:read", "workflow:admin", "ops:read", "audit:read"},
    "Ops": SEES_ALL
    | {"orders:write", "orders:cancel", "orders:fulfill", "orders:price", "inventory:manage"}
    | {"ops:read", "ops:manage", "audit:read"},
    "Finance": SEES_ALL | {"ledger:read", "billing:manage", "billing:refund", "workflow:approve", "audit:read"},
    "Approver": SEES_ALL | {"workflow:approve"},
    "Viewer": SEES_ALL,
    "Buyer": {"orders:read", "orders:write", "orders:cancel", "inventory:read", "billing:read"},
}
USERS = {
    "admin": {"Admin"},
    "ops": {"Ops"},
    "ops2": {"Ops"},
    "finance": {"Finance"},
    "approver": {"Approver"},
    "viewer": {"Viewer"},
    "buyer": {"Buyer"},
    "buyer2": {"Buyer"},
    "approver2": {"Approver", "Finance", "Buyer"},
}


@pytest.fixture(scope="module")
def realm() -> Realm:
    return load(REALM_FILE)


@pytest.fixture
def document() -> Any:
    return json.loads(REALM_FILE.read_text("utf-8"))


def _names(user: User, client: str) -> set[str]:
    return {role.name for role in user.roles if role.client == client}


@pytest.mark.parametrize("name", USERS)
def test_user_has_the_scopes_of_the_matrix(realm: Realm, name: str) -> None:
    user = realm.users[name]
    assert _names(user, "") == USERS[name]
    assert _names(user, SCOPE_CLIENT) == set().union(*(SCOPES[role] for role in USERS[name]))
    assert user.password == name


def test_shop_buys_at_its_own_prices(realm: Realm) -> None:
    shop = realm.service_accounts["atlas-shop"]
    assert _names(shop, SCOPE_CLIENT) == SCOPES["Buyer"] | {"orders:price"}
    assert realm.clients["atlas-shop"].secret == "atlas-shop-secret"


def test_realm_has_no_more_users_and_roles_than_the_matrix(realm: Realm, document: Any) -> None:
    assert realm.users.keys() == USERS.keys()
    assert {role["name"] for role in document["roles"]["realm"]} == set(SCOPES) == ROLES
    defined = {role["name"] for role in document["roles"]["client"][SCOPE_CLIENT]}
    assert defined == set().union(*SCOPES.values())


def test_nobody_who_configures_places_approves_or_refunds() -> None:
    assert SCOPES["Admin"].isdisjoint({"orders:write", "orders:price", "workflow:approve", "billing:refund"})


def test_identities_are_fixed_and_distinct(realm: Realm) -> None:
    subjects = [user.subject for user in (*realm.users.values(), *realm.service_accounts.values())]
    assert len(set(subjects)) == len(subjects) == 10
    assert realm.users["buyer"].subject == "a71a5000-0000-4000-8002-000000000007"


def test_every_client_that_gets_tokens_is_allowed_and_names_every_audience(realm: Realm) -> None:
    applications = [client for name, client in realm.clients.items() if name != SCOPE_CLIENT]
    for client in applications:
        assert ALLOWED_CLIENT.fullmatch(client.client_id)
        assert sorted(client.audiences) == sorted(AUDIENCES)
        assert not (client.service_account and client.client_id in INTERACTIVE_CLIENTS)


def test_browser_client_must_use_a_proof_key(document: Any) -> None:
    (web,) = (client for client in document["clients"] if client["clientId"] == "atlas-web")
    assert web["attributes"]["pkce.code.challenge.method"] == "S256"
    assert not web["directAccessGrantsEnabled"]


def test_users_have_the_profile_that_keycloak_asks_of_people(document: Any) -> None:
    people = [user for user in document["users"] if "serviceAccountClientId" not in user]
    assert all(user[name] for user in people for name in ("firstName", "lastName", "email"))


def test_composites_are_resolved_to_any_depth(document: Any, tmp_path: Path) -> None:
    roles = document["roles"]["realm"]
    roles.append({"name": "Lead", "composite": True, "composites": {"realm": ["Deputy"]}})
    roles.append({"name": "Deputy", "composite": True, "composites": {"realm": ["Lead", "Buyer"]}})
    document["users"][0]["realmRoles"] = ["Lead"]
    user = _load(document, tmp_path).users["admin"]
    assert user.roles >= {Role("", "Lead"), Role("", "Deputy"), Role("", "Buyer"), Role(SCOPE_CLIENT, "orders:write")}


def test_disabled_user_and_client_are_not_served(document: Any, tmp_path: Path) -> None:
    document["users"][0]["enabled"] = document["clients"][2]["enabled"] = False
    realm = _load(document, tmp_path)
    assert "admin" not in realm.users
    assert "atlas-cli" not in realm.clients


def _undefined_role(document: Any) -> None:
    document["users"][0]["realmRoles"] = ["Root"]


def _without_full_scope(document: Any) -> None:
    document["clients"][2]["fullScopeAllowed"] = False


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.update(clientScopes=[]), "built-in"),
        (lambda d: d.update(accessTokenLifespan=3601), "accessTokenLifespan"),
        (lambda d: d.pop("roles"), "'roles' is missing"),
        (lambda d: d.update(users=[7]), "not a realm file"),
        (_undefined_role, "role Root of the realm is not defined"),
        (_without_full_scope, "atlas-cli: without fullScopeAllowed"),
    ],
)
def test_file_that_would_behave_differently_is_refused(
    document: Any, tmp_path: Path, spoil: Callable[[Any], object], words: str
) -> None:
    spoiled = copy.deepcopy(document)
    spoil(spoiled)
    with pytest.raises(RealmError, match=words):
        _load(spoiled, tmp_path)


def test_absent_or_broken_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RealmError, match="cannot read"):
        load(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(RealmError, match="not a realm file"):
        load(tmp_path / "broken.json")


def _load(document: Any, folder: Path) -> Realm:
    path = folder / "realm.json"
    path.write_text(json.dumps(document))
    return load(path)
