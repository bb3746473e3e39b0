"""Access tokens, verified by python-jose with the issuer's keys, which are fetched once and again for an unknown key id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
from jose import JWTError, jwk, jwt
from jose.backends.base import Key

ALGORITHM = "RS256"
SCOPE_CLIENT = "atlas-gateway"
WRITE = "orders:write"


class InvalidToken(Exception):
    """The token does not allow the call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    subject: str
    username: str


class Verifier:
    """Verifies tokens of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str, keys: Mapping[str, Key] | None = None) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = dict(keys or {})

    def fetch_keys(self) -> None:
        """Fetch the issuer's keys by discovery, and build them once."""
        with httpx2.Client(timeout=5.0, trust_env=False) as client:
            discovery = client.get(f"{self._issuer}/.well-known/openid-configuration").raise_for_status().json()
            keys = client.get(discovery["jwks_uri"]).raise_for_status().json()["keys"]
        self._keys = {key["kid"]: jwk.construct(key, ALGORITHM) for key in keys}

    def verify(self, authorization: str) -> Caller:
        """Return the caller of a bearer token that may write orders. Raises InvalidToken."""
        scheme, _, token = authorization.partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise InvalidToken("no bearer token")
            key = self._key(str(jwt.get_unverified_header(token).get("kid")))
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=self._audience, issuer=self._issuer)
        except JWTError as error:
            raise InvalidToken(str(error)) from error
        roles = claims.get("resource_access", {}).get(SCOPE_CLIENT, {}).get("roles", [])
        if WRITE not in roles:
            raise InvalidToken(f"the scope {WRITE} is missing")
        return Caller(claims["sub"], claims.get("preferred_username", claims["sub"]))

    def _key(self, kid: str) -> Key:
        if kid not in self._keys:
            self.fetch_keys()
        if kid not in self._keys:
            raise InvalidToken("unknown key")
        return self._keys[kid]
