"""Asking an issuer for tokens, and judging them as the services do."""

from __future__ import annotations

from typing import Any

import httpx2
from jose import jwt

from chassis.auth import TokenVerifier
from chassis.jwks import JwksSource
from tests.oidc.issuers import Issuer
from tests.oidc.matrix import SHOP as SHOP_ID

CLI = "atlas-cli"
SHOP = {"grant_type": "client_credentials", "client_id": SHOP_ID, "client_secret": "atlas-shop-secret"}


def person(name: str, **changes: str) -> dict[str, str]:
    """The form with which a person asks through the command line; a password is the name."""
    return {"grant_type": "password", "client_id": CLI, "username": name, "password": name} | changes


async def answer_of(http: httpx2.AsyncClient, issuer: Issuer, form: dict[str, str]) -> dict[str, Any]:
    """What the token endpoint answers to a form it accepts."""
    response = await http.post(f"{issuer.endpoint}/token", data=form)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: dict[str, Any] = response.json()
    return answer


async def token_of(http: httpx2.AsyncClient, issuer: Issuer, form: dict[str, str]) -> str:
    """The access token for a form."""
    return str((await answer_of(http, issuer, form))["access_token"])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    return dict(jwt.get_unverified_claims(token))


def kid_of(token: str) -> str:
    """The key that a token says it is signed with."""
    return str(jwt.get_unverified_header(token)["kid"])


def verifier_of(issuer: Issuer, source: JwksSource, audience: str = "order-svc") -> TokenVerifier:
    """A verifier that remembers no token yet."""
    return TokenVerifier(issuer=issuer.url, audience=audience, jwks=source)
