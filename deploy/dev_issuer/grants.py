"""The two grants of the token endpoint, refused in Keycloak's words and order, and the claims that both end in."""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.dev_issuer.realm import Client, Realm, User

SCOPE = "email profile"
OPENID = "openid"
KNOWN_SCOPES = frozenset({OPENID, "acr", "basic", "email", "profile", "roles", "web-origins"})
"""What may be asked for; all but the first are granted to everybody, as in a new realm of Keycloak."""


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


@dataclass(frozen=True, slots=True)
class Grantee:
    """Who gets a token through which client; `session` is empty for a machine."""

    client: Client
    user: User
    scope: str
    session: str


def issue(realm: Realm, credentials: Credentials, form: Mapping[str, str]) -> Grantee:
    """Who gets a token, and through which client; raises Refusal. The checks come in Keycloak's order."""
    if "grant_type" not in form:
        raise Refusal(400, "invalid_request", "Missing form parameter: grant_type")
    grant = GRANTS.get(form["grant_type"])
    if grant is None:
        raise Refusal(400, "unsupported_grant_type", "Unsupported grant_type")
    return grant(realm, _authenticated(realm, credentials), form)


def claims(realm: Realm, issuer: str, grantee: Grantee, now: int) -> dict[str, Any]:
    """The access token's claims, in the names and shapes of Keycloak; `now` in seconds since the epoch."""
    client, user = grantee.client, grantee.user
    scopes: dict[str, list[str]] = {}
    for role in sorted(user.roles, key=lambda role: (role.client, role.name)):
        scopes.setdefault(role.client, []).append(role.name)
    of_realm = scopes.pop("", [])
    audiences = sorted({*client.audiences, *scopes})  # a client whose roles are granted is an audience too
    session = {"sid": grantee.session} if grantee.session else {}
    return {
        "exp": now + realm.token_lifespan,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "iss": issuer,
        "aud": audiences[0] if len(audiences) == 1 else audiences,
        "sub": user.subject,
        "typ": "Bearer",
        "azp": client.client_id,
        **session,
        "acr": "1",
        "realm_access": {"roles": of_realm},
        "resource_access": {name: {"roles": roles} for name, roles in scopes.items()},
        "scope": grantee.scope,
        **user.profile,
    }


def _authenticated(realm: Realm, credentials: Credentials) -> Client:
    client = realm.clients.get(credentials.client_id)
    if client is None:
        raise Refusal(401, "invalid_client", "Invalid client or Invalid client credentials")
    if not client.public and not (client.secret and _equal(credentials.secret, client.secret)):
        raise Refusal(401, "unauthorized_client", "Invalid client or Invalid client credentials")
    return client


def _by_password(realm: Realm, client: Client, form: Mapping[str, str]) -> Grantee:
    if not client.password_grant:
        raise Refusal(400, "unauthorized_client", "Client not allowed for direct access grants")
    scope = _scope(form)
    if "username" not in form:
        raise Refusal(401, "invalid_request", "Missing parameter: username")
    user = realm.users.get(form["username"].lower())
    if user is None or user.password is None or not _equal(form.get("password"), user.password):
        raise Refusal(400, "invalid_grant", "Invalid user credentials")
    return Grantee(client, user, scope, session=secrets.token_urlsafe(18))


def _by_service_account(realm: Realm, client: Client, form: Mapping[str, str]) -> Grantee:
    if client.public:
        raise Refusal(401, "unauthorized_client", "Public client not allowed to retrieve service account")
    user = realm.service_accounts.get(client.client_id)
    if not client.service_account or user is None:
        raise Refusal(401, "unauthorized_client", "Client not enabled to retrieve service account")
    return Grantee(client, user, _scope(form), session="")


def _scope(form: Mapping[str, str]) -> str:
    """The scope that a token says it has."""
    asked = form.get("scope")
    if asked is None:
        return SCOPE
    names = asked.split(" ")
    if not KNOWN_SCOPES.issuperset(names):
        raise Refusal(400, "invalid_scope", f"Invalid scopes: {asked}")
    return f"{OPENID} {SCOPE}" if OPENID in names else SCOPE


def _equal(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


GRANTS: Mapping[str, Callable[[Realm, Client, Mapping[str, str]], Grantee]] = {
    "password": _by_password,
    "client_credentials": _by_service_account,
}
