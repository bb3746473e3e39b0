"""The two grants of the token endpoint, refused in Keycloak's words, and the claims that both end in."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.dev_issuer.realm import Client, Realm, User

SCOPE = "email profile"


class Refusal(Exception):
    """An OAuth error answer."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Credentials:
    """How the client names and proves itself."""

    client_id: str
    secret: str | None


def issue(realm: Realm, credentials: Credentials, form: Mapping[str, str]) -> tuple[Client, User]:
    """Who gets a token, and through which client; raises Refusal."""
    client = _authenticated(realm, credentials)
    grant = GRANTS.get(form.get("grant_type", ""))
    if grant is None:
        raise Refusal(400, "unsupported_grant_type", "Unsupported grant_type")
    return client, grant(realm, client, form)


def claims(realm: Realm, issuer: str, grantee: tuple[Client, User], now: int) -> dict[str, Any]:
    """The access token's claims, in the names and shapes of Keycloak."""
    client, user = grantee
    scopes: dict[str, list[str]] = {}
    for role in sorted(user.roles, key=lambda role: (role.client, role.name)):
        scopes.setdefault(role.client, []).append(role.name)
    of_realm = scopes.pop("", [])
    audiences = sorted({*client.audiences, *scopes})  # a client whose roles are granted is an audience too
    return {
        "exp": now + realm.token_lifespan,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "iss": issuer,
        "aud": audiences[0] if len(audiences) == 1 else audiences,
        "sub": user.subject,
        "typ": "Bearer",
        "azp": client.client_id,
        "acr": "1",
        "realm_access": {"roles": of_realm},
        "resource_access": {name: {"roles": roles} for name, roles in scopes.items()},
        "scope": SCOPE,
        "preferred_username": user.username,
    }


def _authenticated(realm: Realm, credentials: Credentials) -> Client:
    client = realm.clients.get(credentials.client_id)
    if client is None:
        raise Refusal(401, "invalid_client", "Invalid client or Invalid client credentials")
    if client.secret is not None and not _equal(credentials.secret, client.secret):
        raise Refusal(401, "unauthorized_client", "Invalid client or Invalid client credentials")
    return client


def _by_password(realm: Realm, client: Client, form: Mapping[str, str]) -> User:
    if not client.password_grant:
        raise Refusal(400, "unauthorized_client", "Client not allowed for direct access grants")
    user = realm.users.get(form.get("username", ""))
    if user is None or user.password is None or not _equal(form.get("password"), user.password):
        raise Refusal(400, "invalid_grant", "Invalid user credentials")
    return user


def _by_service_account(realm: Realm, client: Client, form: Mapping[str, str]) -> User:
    user = realm.service_accounts.get(client.client_id)
    if not client.service_account or user is None:
        raise Refusal(401, "unauthorized_client", "Client not enabled to retrieve service account")
    return user


def _equal(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


GRANTS: Mapping[str, Callable[[Realm, Client, Mapping[str, str]], User]] = {
    "password": _by_password,
    "client_credentials": _by_service_account,
}
