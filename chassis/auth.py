"""Who is calling: the one place where an access token is verified, by the gateway and again by every service.

python-jose checks the signature with a key that was built for RS256 beforehand; it never chooses algorithm or key, and
it never reads a claim. Every rule of the token contract is spelled out here.
"""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NoReturn

from jose.utils import base64url_decode

from chassis.jwks import ALGORITHM, JwksSource
from chassis.world import Actor

INTERACTIVE_CLIENTS = frozenset({"atlas-web", "atlas-cli"})
ALLOWED_CLIENT = re.compile(r"atlas-(?:web|cli|shop|svc-[a-z0-9]+(?:-[a-z0-9]+)*)")
ROLES = frozenset({"Admin", "Ops", "Finance", "Approver", "Viewer", "Buyer"})
SCOPE_CLIENT = "atlas-gateway"

TOKEN_TYPES = frozenset({"JWT", "at+jwt"})
FORBIDDEN_HEADERS = frozenset({"crit", "jku", "jwk", "x5u", "x5c"})
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
MAX_TOKEN = 4096
MAX_TEXT = 255
LEEWAY = 30
MAX_LIFETIME = 3600
CACHE_SECONDS = 60.0
CACHE_SIZE = 4096


class Unauthenticated(Exception):
    """The token was refused; `check` names the failed rule, for the log and never for the caller."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


class IssuerUnavailable(Unauthenticated):
    """No token can be judged now: the issuer's keys are unknown, or too old to be trusted."""

    def __init__(self) -> None:
        super().__init__("issuer_unavailable")


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience, and remembers verified ones for up to a minute."""

    def __init__(self, *, issuer: str, audience: str, jwks: JwksSource, now: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._audience = audience
        self._jwks = jwks
        self._now = now
        self._verified: OrderedDict[bytes, tuple[float, Actor]] = OrderedDict()
        self._generation = jwks.generation

    def ready(self) -> bool:
        """Whether tokens can be judged: the issuer's keys are known."""
        return self._jwks.ready()

    async def verify(self, token: str) -> Actor:
        """The caller this token stands for; raises Unauthenticated."""
        if len(token) > MAX_TOKEN:
            raise Unauthenticated("size")
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        known = self._recall(digest)
        return known if known is not None else await self._verify(token, digest)

    async def _verify(self, token: str, digest: bytes) -> Actor:
        if not COMPACT.fullmatch(token):
            raise Unauthenticated("compact_form")
        kid = _checked_header(token)
        key = await self._jwks.key(kid)
        if key is None:
            raise Unauthenticated("kid") if self._jwks.ready() else IssuerUnavailable()
        signed, _, signature = token.rpartition(".")
        if not key.verify(signed.encode("ascii"), _decoded(signature)):
            raise Unauthenticated("signature")
        claims = _json_object(signed.partition(".")[2], "claims")
        expires = _check_times(claims, self._now())
        principal = self._principal(claims)
        self._remember(digest, expires, principal)
        return principal

    def _principal(self, claims: Mapping[str, Any]) -> Actor:
        if claims.get("iss") != self._issuer:
            raise Unauthenticated("iss")
        _check_audience(claims.get("aud"), self._audience)
        if claims.get("typ") != "Bearer":
            raise Unauthenticated("token_type")
        client = _text(claims, "azp")
        if not ALLOWED_CLIENT.fullmatch(client):
            raise Unauthenticated("azp")
        _text(claims, "jti")
        subject = _text(claims, "sub")
        return Actor(
            issuer=self._issuer,
            subject=subject,
            username=_text(claims, "preferred_username") if "preferred_username" in claims else subject,
            client=client,
            roles=_granted(claims, "realm_access") & ROLES,
            scopes=_granted(_object(claims, "resource_access"), SCOPE_CLIENT),
            human=client in INTERACTIVE_CLIENTS,
        )

    def _recall(self, digest: bytes) -> Actor | None:
        self._forget_on_rotation()
        until, principal = self._verified.get(digest, (0.0, None))
        if principal is None:
            return None
        if self._now() >= until or not self._jwks.ready():
            del self._verified[digest]
            return None
        self._verified.move_to_end(digest)
        return principal

    def _remember(self, digest: bytes, expires: int, principal: Actor) -> None:
        self._forget_on_rotation()
        self._verified[digest] = (min(expires, self._now() + CACHE_SECONDS), principal)
        if len(self._verified) > CACHE_SIZE:
            self._verified.popitem(last=False)

    def _forget_on_rotation(self) -> None:
        if self._generation != self._jwks.generation:
            self._verified.clear()
            self._generation = self._jwks.generation


def _checked_header(token: str) -> str:
    """The `kid` of a header that keeps every rule; nothing in the header is trusted beyond naming a known key."""
    header = _json_object(token.partition(".")[0], "header")
    if header.get("alg") != ALGORITHM:
        raise Unauthenticated("alg")
    typ, kid = header.get("typ"), header.get("kid")
    if not isinstance(typ, str) or typ not in TOKEN_TYPES:
        raise Unauthenticated("typ")
    if not FORBIDDEN_HEADERS.isdisjoint(header):
        raise Unauthenticated("forbidden_header")
    if not isinstance(kid, str) or not kid:
        raise Unauthenticated("kid")
    return kid


def _check_times(claims: Mapping[str, Any], now: float) -> int:
    """Checks exp, iat and the optional nbf, and returns exp (seconds since the epoch)."""
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if now - LEEWAY >= expires:
        raise Unauthenticated("expired")
    if issued > now + LEEWAY:
        raise Unauthenticated("iat")
    if not 0 < expires - issued <= MAX_LIFETIME:
        raise Unauthenticated("lifetime")
    if "nbf" in claims and _seconds(claims, "nbf") > now + LEEWAY:
        raise Unauthenticated("nbf")
    return expires


def _check_audience(audiences: object, audience: str) -> None:
    named = [audiences] if isinstance(audiences, str) else audiences
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named) or audience not in named:
        raise Unauthenticated("aud")


def _granted(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    roles = _object(claims, name).get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Unauthenticated(name)
    return frozenset(roles)


def _object(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = claims.get(name, {})
    if not isinstance(value, dict):
        raise Unauthenticated(name)
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise Unauthenticated(name)
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int:  # bool is an int, and no time
        raise Unauthenticated(name)
    return value


def _decoded(segment: str) -> bytes:
    try:
        return base64url_decode(segment.encode("ascii"))
    except ValueError:
        raise Unauthenticated("base64") from None


def _json_object(segment: str, part: str) -> dict[str, Any]:
    """A segment's JSON object, read without tolerance for repeated keys or for numbers JSON does not have."""
    try:
        value = json.loads(_decoded(segment), object_pairs_hook=_unique, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise Unauthenticated(part) from None
    if not isinstance(value, dict):
        raise Unauthenticated(part)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unauthenticated("duplicate_key")
    return members


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)
