"""The issuer over HTTP: its tokens satisfy the verifier, and its refusals are Keycloak's."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from jose import jwt

from chassis.auth import TokenVerifier, Unauthenticated
from chassis.jwks import JwksSource
from deploy.dev_issuer.app import build
from deploy.dev_issuer.keys import KeyRing
from deploy.dev_issuer.realm import load
from tests.deploy.dev_issuer.process import REALM_FILE
from tests.deploy.dev_issuer.test_realm import SCOPES, USERS
from tests.security.tokens import AUDIENCES

BASE_URL = "http://127.0.0.1:8143"
ISSUER = f"{BASE_URL}/realms/atlas-erp"
TOKEN = f"{ISSUER}/protocol/openid-connect/token"
SHOP = {"grant_type": "client_credentials", "client_id": "atlas-shop", "client_secret": "atlas-shop-secret"}


@pytest.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    app = build(load(REALM_FILE), KeyRing(tmp_path_factory.mktemp("issuer")), BASE_URL)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        yield client


def _person(name: str, **changes: str) -> dict[str, str]:
    return {"grant_type": "password", "client_id": "atlas-cli", "username": name, "password": name} | changes


async def _token(http: httpx2.AsyncClient, form: dict[str, str]) -> str:
    response = await http.post(TOKEN, data=form)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    token = response.json()["access_token"]
    assert isinstance(token, str)
    return token


def _verifier(http: httpx2.AsyncClient, audience: str) -> TokenVerifier:
    return TokenVerifier(issuer=ISSUER, audience=audience, jwks=JwksSource(ISSUER, client=http))


@pytest.mark.parametrize("name", USERS)
async def test_person_gets_a_token_with_the_scopes_of_the_matrix(http: httpx2.AsyncClient, name: str) -> None:
    principal = await _verifier(http, "order-svc").verify(await _token(http, _person(name)))
    assert (principal.username, principal.client, principal.human) == (name, "atlas-cli", True)
    assert principal.roles == USERS[name]
    assert principal.scopes == set().union(*(SCOPES[role] for role in USERS[name]))


@pytest.mark.parametrize("audience", AUDIENCES)
async def test_token_is_good_for_every_service(http: httpx2.AsyncClient, audience: str) -> None:
    principal = await _verifier(http, audience).verify(await _token(http, SHOP))
    assert (principal.client, principal.human) == ("atlas-shop", False)
    assert principal.scopes == SCOPES["Buyer"] | {"orders:price"}


async def test_token_is_not_good_elsewhere(http: httpx2.AsyncClient) -> None:
    with pytest.raises(Unauthenticated, match="aud"):
        await _verifier(http, "account").verify(await _token(http, SHOP))


async def test_claims_are_those_of_keycloak(http: httpx2.AsyncClient) -> None:
    token = await _token(http, _person("viewer"))
    claims = jwt.get_unverified_claims(token)
    times: tuple[Any, Any] = (claims.pop("exp"), claims.pop("iat"))
    assert times[0] - times[1] == 300
    other = jwt.get_unverified_claims(await _token(http, _person("viewer")))
    assert claims.pop("jti") != other["jti"]
    assert claims.pop("sid") != other["sid"]
    assert claims == {
        "iss": ISSUER,
        "aud": list(AUDIENCES),
        "sub": "a71a5000-0000-4000-8002-000000000006",
        "typ": "Bearer",
        "azp": "atlas-cli",
        "acr": "1",
        "realm_access": {"roles": ["Viewer"]},
        "resource_access": {"atlas-gateway": {"roles": sorted(SCOPES["Viewer"])}},
        "scope": "email profile",
        "email_verified": True,
        "name": "Vera Viewer",
        "preferred_username": "viewer",
        "given_name": "Vera",
        "family_name": "Viewer",
        "email": "viewer@example.com",
    }
    assert len(token) < 2048


async def test_token_of_a_machine_names_no_session_and_no_person(http: httpx2.AsyncClient) -> None:
    claims = jwt.get_unverified_claims(await _token(http, SHOP))
    assert claims.keys().isdisjoint({"sid", "name", "given_name", "family_name", "email"})
    assert (claims["preferred_username"], claims["email_verified"]) == ("service-account-atlas-shop", False)


async def test_username_is_not_case_sensitive(http: httpx2.AsyncClient) -> None:
    assert jwt.get_unverified_claims(await _token(http, _person("buyer", username="BuYer")))["preferred_username"] == "buyer"


@pytest.mark.parametrize(("asked", "given"), [("openid", "openid email profile"), ("profile", "email profile")])
async def test_scope_that_is_asked_for_is_named(http: httpx2.AsyncClient, asked: str, given: str) -> None:
    assert jwt.get_unverified_claims(await _token(http, SHOP | {"scope": asked}))["scope"] == given


async def test_client_may_prove_itself_by_basic_authentication(http: httpx2.AsyncClient) -> None:
    form = {"grant_type": "client_credentials"}
    assert (await http.post(TOKEN, data=form, auth=("atlas-shop", "atlas-shop-secret"))).status_code == 200
    assert (await http.post(TOKEN, data=form, auth=("atlas-shop", "wrong"))).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (_person("buyer", password="wrong"), 400, "invalid_grant"),
        (_person("buyer", password="é"), 400, "invalid_grant"),
        (_person("nobody"), 400, "invalid_grant"),
        (_person("service-account-atlas-shop"), 400, "invalid_grant"),
        (_person("buyer", client_id="atlas-web"), 400, "unauthorized_client"),
        (_person("buyer", client_id="atlas-gateway"), 401, "unauthorized_client"),
        (_person("buyer", client_id="unknown"), 401, "invalid_client"),
        (_person("buyer", grant_type="magic"), 400, "unsupported_grant_type"),
        (_person("buyer", scope="bogus"), 400, "invalid_scope"),
        ({"grant_type": "password", "client_id": "atlas-cli", "password": "buyer"}, 401, "invalid_request"),
        ({"client_id": "atlas-cli"}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "password", "client_id": ""}, 401, "invalid_client"),
        (SHOP | {"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"grant_type": "client_credentials", "client_id": "atlas-shop"}, 401, "unauthorized_client"),
        (SHOP | {"client_id": "atlas-cli"}, 401, "unauthorized_client"),
    ],
)
async def test_refusals_are_those_of_keycloak(http: httpx2.AsyncClient, form: dict[str, str], status: int, error: str) -> None:
    response = await http.post(TOKEN, data=form)
    assert (response.status_code, response.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "body", [b"client_id=a&client_id=b", b"\xff", b"a=%FF", b"&".join(b"%d=x" % n for n in range(20))], ids=ascii
)
async def test_unreadable_form_is_a_bad_request(http: httpx2.AsyncClient, body: bytes) -> None:
    response = await http.post(TOKEN, content=body)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("secret", ["!", base64.b64encode(b"\xff").decode(), ""])
async def test_unreadable_basic_authentication_is_401(http: httpx2.AsyncClient, secret: str) -> None:
    response = await http.post(TOKEN, data={"grant_type": "password"}, headers={"authorization": f"Basic {secret}"})
    assert response.status_code == 401


async def test_large_form_is_cut_off(http: httpx2.AsyncClient) -> None:
    assert (await http.post(TOKEN, content=b"a=" + b"x" * 20_000)).status_code == 413


async def test_after_a_rotation_old_and_new_tokens_are_good(http: httpx2.AsyncClient) -> None:
    verifier = _verifier(http, "order-svc")
    old = await _token(http, SHOP)
    await verifier.verify(old)
    assert (await http.post(f"{BASE_URL}/dev/rotate")).status_code == 200
    new = await _token(http, SHOP)
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert await verifier.verify(new) == await verifier.verify(old)
