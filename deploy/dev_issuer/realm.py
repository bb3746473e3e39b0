"""The realm file, read as Keycloak would: clients, users and the roles each of them really has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUDIENCE_MAPPER = "oidc-audience-mapper"
MAX_LIFESPAN = 3600


class RealmError(Exception):
    """The realm file cannot be served; the message says why, for the person who edits it."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role by name; `client` is empty for a role of the realm itself."""

    client: str
    name: str


@dataclass(frozen=True, slots=True)
class Client:
    """An application that asks for tokens; a public one has no secret, one that only receives tokens cannot ask at all."""

    client_id: str
    secret: str | None
    public: bool
    password_grant: bool
    service_account: bool
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A person or a service account: the claims about him, and all roles including those inside composites."""

    subject: str
    username: str
    password: str | None
    profile: Mapping[str, str | bool]
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Realm:
    """What the issuer knows."""

    name: str
    token_lifespan: int
    clients: Mapping[str, Client]
    users: Mapping[str, User]
    service_accounts: Mapping[str, User]


def load(path: Path) -> Realm:
    """The realm in this file; raises RealmError for what Keycloak would refuse or treat differently."""
    try:
        document = json.loads(path.read_text("utf-8"))
        return _realm(document)
    except OSError as error:
        raise RealmError(f"cannot read {path}: {error.strerror}") from error
    except KeyError as error:
        raise RealmError(f"{path}: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RealmError(f"{path} is not a realm file: {error}") from error


def _realm(document: Mapping[str, Any]) -> Realm:
    if "clientScopes" in document:
        raise RealmError("a realm file with its own clientScopes drops Keycloak's built-in ones, and `sub` with them")
    lifespan = document["accessTokenLifespan"]
    if not 0 < lifespan <= MAX_LIFESPAN:
        raise RealmError(f"accessTokenLifespan must be within 1 and {MAX_LIFESPAN} seconds")
    composites = dict(_composites(document["roles"]))
    people, machines = {}, {}
    for entry in filter(_is_enabled, document["users"]):
        user = _user(entry, composites)
        if "serviceAccountClientId" in entry:
            machines[entry["serviceAccountClientId"]] = user
        else:
            people[user.username] = user
    clients = {entry["clientId"]: _client(entry) for entry in document["clients"] if _is_enabled(entry)}
    return Realm(document["realm"], lifespan, clients, people, machines)


def _is_enabled(entry: Mapping[str, Any]) -> bool:
    return entry.get("enabled", True) is True


def _client(entry: Mapping[str, Any]) -> Client:
    name = entry["clientId"]
    bearer_only, public = entry.get("bearerOnly", False), entry.get("publicClient", False)
    if not bearer_only and not entry.get("fullScopeAllowed", True):
        raise RealmError(f"{name}: without fullScopeAllowed its tokens carry no roles")
    return Client(
        client_id=name,
        secret=None if public or bearer_only else entry["secret"],
        public=public and not bearer_only,
        password_grant=entry.get("directAccessGrantsEnabled", False) and not bearer_only,
        service_account=entry.get("serviceAccountsEnabled", False) and not public and not bearer_only,
        audiences=tuple(_audiences(entry.get("protocolMappers", []))),
    )


def _audiences(mappers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for mapper in mappers:
        config = mapper.get("config", {})
        if mapper["protocolMapper"] == AUDIENCE_MAPPER and config.get("access.token.claim") == "true":
            yield config.get("included.client.audience") or config["included.custom.audience"]


def _user(entry: Mapping[str, Any], composites: Mapping[Role, frozenset[Role]]) -> User:
    passwords = [item["value"] for item in entry.get("credentials", []) if item["type"] == "password"]
    granted = _named(entry.get("realmRoles", []), entry.get("clientRoles", {}))
    return User(
        subject=entry["id"],
        username=entry["username"].lower(),
        password=passwords[0] if passwords else None,
        profile=_profile(entry),
        roles=_resolve(granted, composites),
    )


def _profile(entry: Mapping[str, Any]) -> dict[str, str | bool]:
    """The claims that the scopes email and profile put into tokens; what is not known is left out."""
    given, family = entry.get("firstName", ""), entry.get("lastName", "")
    texts = {
        "name": f"{given} {family}".strip(),
        "preferred_username": entry["username"].lower(),
        "given_name": given,
        "family_name": family,
        "email": entry.get("email", ""),
    }
    return {"email_verified": entry.get("emailVerified", False), **{name: text for name, text in texts.items() if text}}


def _composites(roles: Mapping[str, Any]) -> Iterator[tuple[Role, frozenset[Role]]]:
    """Every role of the file with the roles directly inside it."""
    of_clients = roles.get("client", {}).items()
    for client, entry in [("", e) for e in roles.get("realm", [])] + [(c, e) for c, es in of_clients for e in es]:
        inside = entry.get("composites", {})
        yield Role(client, entry["name"]), _named(inside.get("realm", []), inside.get("client", {}))


def _named(realm: Iterable[str], clients: Mapping[str, Iterable[str]]) -> frozenset[Role]:
    of_realm = {Role("", name) for name in realm}
    return frozenset(of_realm | {Role(client, name) for client, names in clients.items() for name in names})


def _resolve(granted: frozenset[Role], composites: Mapping[Role, frozenset[Role]]) -> frozenset[Role]:
    """These roles and all they are composed of, to any depth."""
    found: set[Role] = set()
    waiting = list(granted)
    while waiting:
        role = waiting.pop()
        if role not in composites:
            raise RealmError(f"role {role.name} of {role.client or 'the realm'} is not defined")
        if role not in found:
            found.add(role)
            waiting.extend(composites[role])
    return frozenset(found)
