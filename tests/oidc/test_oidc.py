"""What Atlas expects of an OIDC issuer, asked of the dev issuer and of Keycloak alike; both read one realm file."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from chassis.auth import IssuerUnavailable, TokenVerifier, Unauthenticated
from chassis.jwks import COOL_DOWN, REFRESH_AHEAD, STALE, TTL, JwksSource
from deploy.local.home import Home
from tests.chassis.issuer import Clock
from tests.oidc import flows
from tests.oidc.issuers import FIRST_START_SECONDS, REALM, Issuer
from tests.oidc.matrix import MACHINES, PEOPLE, SCOPES
from tests.oidc.matrix import SHOP as SHOP_ID
from tests.oidc.tokens import CLI, SHOP, answer_of, claims_of, kid_of, person, token_of, verifier_of
from tests.security.tokens import AUDIENCES, encoded

MACHINE = {"grant_type": "client_credentials"}
SECONDS_OF_WORK = range(6)
"""A busy Keycloak looks at its clock more than once while it makes a token."""


async def _discovery(http: httpx2.AsyncClient, issuer: Issuer) -> dict[str, Any]:
    document: dict[str, Any] = (await http.get(f"{issuer.url}/.well-known/openid-configuration")).json()
    return document


async def test_discovery_names_the_issuer_and_places_at_its_own_address(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    found = await _discovery(http, issuer)
    assert found["issuer"] == issuer.url == f"http://127.0.0.1:{issuer.row.port}/realms/{REALM}"
    assert found["token_endpoint"] == f"{issuer.endpoint}/token"
    assert found["jwks_uri"] == f"{issuer.endpoint}/certs"
    assert {"password", "client_credentials"} <= set(found["grant_types_supported"])
    assert {"client_secret_basic", "client_secret_post"} <= set(found["token_endpoint_auth_methods_supported"])


async def test_key_set_holds_the_public_key_that_signs(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    keys = (await http.get((await _discovery(http, issuer))["jwks_uri"])).json()["keys"]
    signing = {key["kid"]: key for key in keys if key["use"] == "sig"}
    key = signing[kid_of(await token_of(http, issuer, SHOP))]
    assert (key["kty"], key["alg"], len(key["n"]) * 6 >= 2048) == ("RSA", "RS256", True)
    assert all(published.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"}) for published in keys)


@pytest.mark.parametrize("name", PEOPLE)
async def test_person_has_the_subject_of_the_realm_and_the_scopes_of_the_page(
    http: httpx2.AsyncClient, issuer: Issuer, name: str
) -> None:
    account = PEOPLE[name]
    token = await token_of(http, issuer, person(name))
    caller = await verifier_of(issuer, JwksSource(issuer.url, client=http)).verify(token)
    assert (caller.subject, caller.username, caller.client, caller.human) == (account.subject, name, CLI, True)
    assert caller.roles == set(account.roles)
    assert caller.scopes == account.scopes


async def test_shop_has_the_subject_of_the_realm_and_the_scopes_of_the_page(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    token = await token_of(http, issuer, SHOP)
    caller = await verifier_of(issuer, JwksSource(issuer.url, client=http)).verify(token)
    assert (caller.subject, caller.client, caller.human) == (MACHINES[SHOP_ID].subject, SHOP_ID, False)
    assert caller.username == MACHINES[SHOP_ID].username
    assert caller.scopes == SCOPES[SHOP_ID]


@pytest.mark.parametrize("audience", AUDIENCES)
async def test_token_is_good_for_the_gateway_and_every_service(http: httpx2.AsyncClient, issuer: Issuer, audience: str) -> None:
    source = JwksSource(issuer.url, client=http)
    for form in (person("ops"), SHOP):
        caller = await verifier_of(issuer, source, audience).verify(await token_of(http, issuer, form))
        assert caller.issuer == issuer.url


async def test_token_is_not_good_for_others(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    token = await token_of(http, issuer, person("admin"))
    with pytest.raises(Unauthenticated, match="aud"):
        await verifier_of(issuer, JwksSource(issuer.url, client=http), "account").verify(token)


async def test_claims_of_a_person(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    answer = await answer_of(http, issuer, person("viewer"))
    assert answer["token_type"] == "Bearer"
    assert 300 - answer["expires_in"] in SECONDS_OF_WORK
    claims = claims_of(answer["access_token"])
    assert len(answer["access_token"]) < 2048
    assert claims.pop("exp") - claims.pop("iat") - 300 in SECONDS_OF_WORK
    assert claims.pop("jti")
    assert claims.pop("sid")
    assert sorted(claims.pop("aud")) == sorted(AUDIENCES)
    assert set(claims.pop("resource_access")["atlas-gateway"]["roles"]) == PEOPLE["viewer"].scopes
    assert set(claims.pop("scope").split()) == {"email", "profile"}
    assert claims == {
        "iss": issuer.url,
        "sub": PEOPLE["viewer"].subject,
        "typ": "Bearer",
        "azp": CLI,
        "acr": "1",
        "realm_access": {"roles": ["Viewer"]},
        "email_verified": True,
        "name": "Vera Viewer",
        "preferred_username": "viewer",
        "given_name": "Vera",
        "family_name": "Viewer",
        "email": "viewer@example.com",
    }


async def test_claims_of_a_machine(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    answer = await answer_of(http, issuer, SHOP)
    assert "refresh_token" not in answer
    claims = claims_of(answer["access_token"])
    assert sorted(claims["aud"]) == sorted(AUDIENCES)
    changing = {"exp", "iat", "jti", "aud", "resource_access", "scope"}
    assert {name: value for name, value in claims.items() if name not in changing} == {
        "iss": issuer.url,
        "sub": MACHINES[SHOP_ID].subject,
        "typ": "Bearer",
        "azp": SHOP_ID,
        "acr": "1",
        "realm_access": {"roles": ["Buyer"]},
        "email_verified": False,
        "preferred_username": "service-account-atlas-shop",
    }


async def test_client_may_prove_itself_by_basic_authentication(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    place = f"{issuer.endpoint}/token"
    assert (await http.post(place, data=MACHINE, auth=(SHOP_ID, "atlas-shop-secret"))).status_code == 200
    assert (await http.post(place, data=MACHINE, auth=(SHOP_ID, "wrong"))).status_code == 401
    assert (await http.post(place, data=MACHINE, headers={"authorization": "Basic !"})).status_code == 401


async def test_username_is_not_case_sensitive(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    claims = claims_of(await token_of(http, issuer, person("buyer", username="BuYer", scope="openid")))
    assert (claims["preferred_username"], claims["sub"]) == ("buyer", PEOPLE["buyer"].subject)
    assert set(claims["scope"].split()) == {"openid", "email", "profile"}


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (person("buyer", password="wrong"), 400, "invalid_grant"),
        (person("buyer", password="é"), 400, "invalid_grant"),
        (person("nobody"), 400, "invalid_grant"),
        (person("buyer", username=" buyer"), 400, "invalid_grant"),
        (person("buyer", username="buyer@example.com"), 400, "invalid_grant"),
        (person("service-account-atlas-shop"), 400, "invalid_grant"),
        ({"grant_type": "password", "client_id": CLI, "username": "buyer"}, 400, "invalid_grant"),
        ({"grant_type": "password", "client_id": CLI, "password": "buyer"}, 401, "invalid_request"),
        (person("buyer", scope="bogus"), 400, "invalid_scope"),
        (person("buyer", scope="", password="wrong"), 400, "invalid_scope"),
        (person("buyer", client_id="atlas-web"), 400, "unauthorized_client"),
        (person("buyer", client_id=SHOP_ID, client_secret="atlas-shop-secret"), 400, "unauthorized_client"),
        (person("buyer", client_id="atlas-gateway"), 401, "unauthorized_client"),
        (person("buyer", client_id="unknown"), 401, "invalid_client"),
        (person("buyer", client_id=""), 401, "invalid_client"),
        (person("buyer", client_id="unknown", grant_type="magic"), 400, "unsupported_grant_type"),
        (person("buyer", grant_type=""), 400, "unsupported_grant_type"),
        ({"client_id": CLI}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
        (SHOP | {"client_secret": "wrong"}, 401, "unauthorized_client"),
        (SHOP | {"client_secret": ""}, 401, "unauthorized_client"),
        (MACHINE | {"client_id": SHOP_ID}, 401, "unauthorized_client"),
        (MACHINE | {"client_id": CLI}, 401, "unauthorized_client"),
        (MACHINE | {"client_id": "atlas-gateway"}, 401, "unauthorized_client"),
        (MACHINE | {"client_id": "unknown", "client_secret": "x"}, 401, "invalid_client"),
    ],
)
async def test_refusals(http: httpx2.AsyncClient, issuer: Issuer, form: dict[str, str], status: int, error: str) -> None:
    response = await http.post(f"{issuer.endpoint}/token", data=form)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers["cache-control"] == "no-store"


async def test_after_a_rotation_old_and_new_tokens_are_good_until_the_old_key_is_withdrawn(
    http: httpx2.AsyncClient, issuer: Issuer
) -> None:
    clock = Clock(0.0)
    source = JwksSource(issuer.url, client=http, now=clock)
    old = await token_of(http, issuer, SHOP)
    before = await verifier_of(issuer, source).verify(old)
    await asyncio.to_thread(issuer.rotate, issuer)
    new = await token_of(http, issuer, SHOP)
    assert kid_of(new) != kid_of(old)
    assert await verifier_of(issuer, source).verify(new) == before
    assert await verifier_of(issuer, source).verify(old) == before
    await asyncio.to_thread(issuer.withdraw, issuer, kid_of(old))
    clock.at = REFRESH_AHEAD + 1
    await _refreshed(source, kid_of(old))
    with pytest.raises(Unauthenticated, match="kid"):
        await verifier_of(issuer, source).verify(old)
    clock.at += COOL_DOWN
    assert await verifier_of(issuer, source).verify(await token_of(http, issuer, SHOP)) == before


async def _refreshed(source: JwksSource, kid: str) -> None:
    """Wait until a refresh ahead of need, which nobody waits for, has dropped a key."""
    async with asyncio.timeout(10):
        while await source.key(kid) is not None:
            await asyncio.sleep(0.01)


async def test_thousand_unknown_kids_cause_one_fetch(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    fetched: list[str] = []

    async def note(request: httpx2.Request) -> None:
        fetched.append(str(request.url))

    token = await token_of(http, issuer, SHOP)
    http.event_hooks["request"] = [note]
    source = JwksSource(issuer.url, client=http)
    await source.warm()
    verifier = verifier_of(issuer, source)
    answers = await asyncio.gather(*(_refusal(verifier, _with_kid(token, f"kid-{n}")) for n in range(1000)))
    assert set(answers) == {"kid"}
    assert fetched.count(f"{issuer.endpoint}/certs") == 2  # one to warm, one for all of them
    await verifier.verify(token)


def _with_kid(token: str, kid: str) -> str:
    header = encoded(json.dumps({"alg": "RS256", "typ": "JWT", "kid": kid}).encode())
    return f"{header}.{token.partition('.')[2]}"


async def _refusal(verifier: TokenVerifier, token: str) -> str:
    try:
        await verifier.verify(token)
    except Unauthenticated as refusal:
        return refusal.check
    return ""


@pytest.mark.timeout(FIRST_START_SECONDS)
async def test_known_keys_serve_while_the_issuer_is_away_but_not_for_ever(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    clock = Clock(0.0)
    source = JwksSource(issuer.url, client=http, now=clock)
    token = await token_of(http, issuer, person("finance"))
    caller = await verifier_of(issuer, source).verify(token)
    newcomer = JwksSource(issuer.url, client=http)
    away = issuer.away()
    await asyncio.to_thread(away.__enter__)
    try:
        waiting = asyncio.create_task(newcomer.warm())
        for clock.at in (1.0, REFRESH_AHEAD + 1, TTL + COOL_DOWN, STALE):
            assert await verifier_of(issuer, source).verify(token) == caller
            assert source.ready()
        assert await _refusal(verifier_of(issuer, source), _with_kid(token, "unknown")) == "kid"
        clock.at = STALE + 1
        with pytest.raises(IssuerUnavailable):
            await verifier_of(issuer, source).verify(token)
        assert not source.ready()
        assert not newcomer.ready()
    finally:
        await asyncio.to_thread(away.__exit__, None, None, None)
    clock.at += COOL_DOWN
    assert await verifier_of(issuer, source).verify(token) == caller
    await asyncio.wait_for(waiting, 10)
    assert newcomer.ready()


@pytest.mark.timeout(FIRST_START_SECONDS)
async def test_killed_issuer_comes_back_with_its_keys_and_its_people(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    token = await token_of(http, issuer, person("buyer2"))
    before, restarts = issuer.row.pid, issuer.row.restarts
    issuer.kill()
    await asyncio.to_thread(issuer.await_restart, restarts)
    assert issuer.row.pid != before
    source = JwksSource(issuer.url, client=http)
    caller = await verifier_of(issuer, source).verify(token)
    assert await verifier_of(issuer, source).verify(await token_of(http, issuer, person("buyer2"))) == caller


async def test_device_flow_gives_the_command_line_a_token_once_its_user_agreed(
    http: httpx2.AsyncClient, issuer: Issuer
) -> None:
    issuer.capability.require("device_flow")
    shown = await flows.device_code(http, issuer)
    assert (await flows.poll(http, issuer, shown["device_code"]))["error"] == "authorization_pending"
    assert "Device Login Successful" in await asyncio.to_thread(flows.agree, shown, "approver")
    answer = await flows.poll_until_agreed(http, issuer, shown["device_code"])
    caller = await verifier_of(issuer, JwksSource(issuer.url, client=http)).verify(answer["access_token"])
    assert (caller.subject, caller.client, caller.human) == (PEOPLE["approver"].subject, CLI, True)
    assert caller.scopes == PEOPLE["approver"].scopes
    assert (await flows.poll(http, issuer, shown["device_code"]))["error"] in ("invalid_grant", "slow_down")


async def test_device_flow_is_for_the_command_line_only(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    issuer.capability.require("device_flow")
    refused = await http.post(f"{issuer.endpoint}/auth/device", data={"client_id": "atlas-web"})
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_web_client_exchanges_a_code_for_a_token_with_the_proof_only(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    issuer.capability.require("code_flow")
    code, proof = await asyncio.to_thread(flows.log_in_for_code, issuer, "finance")
    answer = (await flows.redeem(http, issuer, code, proof)).json()
    caller = await verifier_of(issuer, JwksSource(issuer.url, client=http)).verify(answer["access_token"])
    assert (caller.subject, caller.client) == (PEOPLE["finance"].subject, flows.WEB)
    assert caller.scopes == PEOPLE["finance"].scopes
    code, _ = await asyncio.to_thread(flows.log_in_for_code, issuer, "finance")
    assert (await flows.redeem(http, issuer, code, "x" * 64)).json()["error"] == "invalid_grant"


async def test_web_client_without_a_proof_key_gets_no_code(issuer: Issuer) -> None:
    issuer.capability.require("code_flow")
    assert (await asyncio.to_thread(flows.refused_code, issuer))["error"] == "invalid_request"


async def test_other_tokens_of_the_issuer_are_no_access_tokens(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    issuer.capability.require("other_tokens")
    answer = await answer_of(http, issuer, person("buyer", scope="openid"))
    verifier = verifier_of(issuer, JwksSource(issuer.url, client=http))
    assert await _refusal(verifier, answer["access_token"]) == ""
    assert await _refusal(verifier, answer["refresh_token"]) == "alg"
    assert await _refusal(verifier, answer["id_token"]) == "aud"


async def test_logs_hold_no_password_no_secret_and_no_token(http: httpx2.AsyncClient, issuer: Issuer) -> None:
    token = await token_of(http, issuer, SHOP)
    logs = sorted((issuer.request.home / "logs").iterdir())
    assert "issuer.log" in [path.name for path in logs]
    written = "".join(path.read_text(errors="replace") for path in logs)
    secrets = [*Home(issuer.request.home).passwords(()).values(), "atlas-shop-secret", token]
    assert [secret for secret in secrets if secret in written] == []
