"""Builders of access tokens that break one rule each, to attack the verifier, the gateway and every gRPC service.

`Forge` holds the issuer's real key, so that a token differs from a valid one in the named point only. A hostile token
must be answered with UNAUTHENTICATED (401) everywhere; an honest one must pass.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from deploy.dev_issuer.keys import CURRENT, SigningKey, read_private_key

AUDIENCES = ("atlas-gateway", "billing-svc", "inventory-svc", "order-svc", "reporting-svc", "workflow-svc")
ABSENT = object()

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signer:
    """A private RSA key and the `kid` it claims."""

    private_key: RSAPrivateKey
    kid: str

    def sign(self, data: bytes) -> bytes:
        """An RS256 signature."""
        return self.private_key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def public_jwk(self) -> dict[str, str]:
        """The public half as an issuer would publish it."""
        numbers = self.private_key.public_key().public_numbers()
        modulus, exponent = (n.to_bytes((n.bit_length() + 7) // 8) for n in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": encoded(modulus), "e": encoded(exponent)}


def signer_of(home: Path) -> Signer:
    """The key with which the dev issuer of this home signs now."""
    key = read_private_key(home / CURRENT)
    return Signer(key, SigningKey(key).kid)


@cache
def fresh_signer(kid: str, bits: int = 2048) -> Signer:
    """A key of nobody, the same one for the same arguments."""
    return Signer(generate_private_key(65537, bits), kid)


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _without_absent(members: Json) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class Forge:
    """Makes tokens for one issuer; `now` is the second for which they are valid, `listener` a URL that must stay silent."""

    signer: Signer
    issuer: str
    now: int
    listener: str = "http://127.0.0.1:9/keys"
    subject: str = "a71a5000-0000-4000-8002-000000000002"
    scopes: tuple[str, ...] = ("inventory:read", "orders:read", "orders:read_all", "orders:write")
    claims: Json = field(default_factory=dict)

    def header(self, **changes: Any) -> dict[str, Any]:
        """A valid header with these changes; ABSENT removes one."""
        return _without_absent({"alg": "RS256", "typ": "JWT", "kid": self.signer.kid} | changes)

    def payload(self, **changes: Any) -> dict[str, Any]:
        """Valid claims of an interactive user with these changes; ABSENT removes one."""
        valid = {
            "exp": self.now + 300,
            "iat": self.now,
            "jti": str(uuid.uuid4()),
            "iss": self.issuer,
            "aud": list(AUDIENCES),
            "sub": self.subject,
            "typ": "Bearer",
            "azp": "atlas-cli",
            "realm_access": {"roles": ["Ops"]},
            "resource_access": {"atlas-gateway": {"roles": list(self.scopes)}},
            "scope": "email profile",
            "preferred_username": "ops",
        }
        return _without_absent(valid | dict(self.claims) | changes)

    def token(self, header: Json | None = None, **changes: Any) -> str:
        """A token signed with the issuer's key, with these changes of claims and header."""
        return self.raw(json.dumps(self.header(**(header or {}))), json.dumps(self.payload(**changes)))

    def raw(self, header: str, payload: str, sign: Callable[[bytes], bytes] | None = None) -> str:
        """A token over exactly these texts."""
        signed = f"{encoded(header.encode())}.{encoded(payload.encode())}"
        return f"{signed}.{encoded((sign or self.signer.sign)(signed.encode()))}"

    def signed_by(self, other: Signer, header: Json | None = None) -> str:
        """A token that another key signed."""
        return self.raw(json.dumps(self.header(**(header or {}))), json.dumps(self.payload()), other.sign)


@dataclass(frozen=True, slots=True)
class Case:
    """A named token."""

    name: str
    build: Callable[[Forge], str]


def _without_signature(alg: str) -> Callable[[Forge], str]:
    return lambda f: f.raw(json.dumps(f.header(alg=alg)), json.dumps(f.payload()), lambda _: b"")


def _by_hmac(secret: Callable[[Forge], bytes]) -> Callable[[Forge], str]:
    def build(forge: Forge) -> str:
        key = secret(forge)
        header, payload = json.dumps(forge.header(alg="HS256")), json.dumps(forge.payload())
        return forge.raw(header, payload, lambda data: hmac.digest(key, data, hashlib.sha256))

    return build


def _public(encoding: serialization.Encoding) -> Callable[[Forge], bytes]:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return lambda f: f.signer.private_key.public_key().public_bytes(encoding, form)


def _changed(**claims: Any) -> Callable[[Forge], str]:
    return lambda f: f.token(**claims)


def _shifted(**seconds: int) -> Callable[[Forge], str]:
    """Times moved by so many seconds from `now`."""
    return lambda f: f.token(None, **{name: f.now + shift for name, shift in seconds.items()})


def _headed(**header: Any) -> Callable[[Forge], str]:
    return lambda f: f.token(header=header)


def _foreign(bits: int = 2048) -> Callable[[Forge], str]:
    return lambda f: f.signed_by(fresh_signer(f.signer.kid, bits))


def _with_own_key(name: str) -> Callable[[Forge], str]:
    """A foreign key that the header itself offers for the check."""

    def build(forge: Forge) -> str:
        own = fresh_signer("mine")
        offers = {"jwk": own.public_jwk(), "jku": forge.listener, "x5u": forge.listener, "x5c": ["AAAA"]}
        return forge.signed_by(own, {name: offers[name]})

    return build


def _repeated(part: str, member: str) -> Callable[[Forge], str]:
    def build(forge: Forge) -> str:
        texts = {"header": json.dumps(forge.header()), "payload": json.dumps(forge.payload())}
        texts[part] = "{" + member + ", " + texts[part][1:]
        return forge.raw(texts["header"], texts["payload"])

    return build


def _tampered(forge: Forge) -> str:
    header, _, signature = forge.token().split(".")
    return f"{header}.{encoded(json.dumps(forge.payload(azp='atlas-shop')).encode())}.{signature}"


def _cases() -> Iterator[tuple[str, Callable[[Forge], str]]]:
    yield from _signature_cases()
    yield from _header_cases()
    yield from _time_cases()
    yield from _claim_cases()
    yield from _form_cases()


def _signature_cases() -> Iterator[tuple[str, Callable[[Forge], str]]]:
    for alg in ("none", "None", "nOnE", "NONE", ""):
        yield f"alg {alg or 'empty'} without signature", _without_signature(alg)
    yield "alg none with a signature", _headed(alg="none")
    yield "HS256 with the public key as PEM", _by_hmac(_public(serialization.Encoding.PEM))
    yield "HS256 with the public key as DER", _by_hmac(_public(serialization.Encoding.DER))
    yield "HS256 with the public key as JWK", _by_hmac(lambda f: json.dumps(f.signer.public_jwk()).encode())
    yield "foreign key under the known kid", _foreign()
    yield "1024-bit key under the known kid", _foreign(1024)
    yield "claims changed after signing", _tampered
    yield "signature cut off", lambda f: f.token().rpartition(".")[0] + "."
    yield "signature shortened", lambda f: f.token()[:-8]


def _header_cases() -> Iterator[tuple[str, Callable[[Forge], str]]]:
    for alg in ("RS384", "RS512", "PS256", "ES256", "rs256", None, ["RS256"], ABSENT):
        yield f"alg {'absent' if alg is ABSENT else alg}", _headed(alg=alg)
    for name in ("jwk", "jku", "x5u", "x5c"):
        yield f"{name} offers a foreign key", _with_own_key(name)
        yield f"{name} beside a right signature", _headed(**{name: "http://127.0.0.1:9/"})
    yield "crit unknown", _headed(crit=["exp"], exp=1)
    yield "crit empty", _headed(crit=[])
    for typ in ("ID", "Refresh", "at+JWT ", 1, ABSENT):
        yield f"typ header {'absent' if typ is ABSENT else typ}", _headed(typ=typ)
    for kid in ("", "unknown", "../../../dev/null", "' OR 1=1 --", "a\x00b\r\n", "k" * 1000, 7, None, ["k"], {}, ABSENT):
        yield f"kid {'absent' if kid is ABSENT else ascii(kid)[:24]}", _headed(kid=kid)


def _time_cases() -> Iterator[tuple[str, Callable[[Forge], str]]]:
    yield "expired 31 s ago", _shifted(iat=-331, exp=-31)
    yield "iat 40 s ahead", _shifted(iat=40)
    yield "nbf 40 s ahead", _shifted(nbf=40)
    yield "lifetime over an hour", _shifted(iat=-10, exp=3600)
    yield "lifetime of ten years", _shifted(exp=315_360_000)
    yield "exp before iat", _shifted(iat=0, exp=-5)
    for name in ("exp", "iat"):
        yield f"{name} absent", _changed(**{name: ABSENT})
    for name in ("exp", "iat", "nbf"):
        yield f"{name} as string", lambda f, name=name: f.token(**{name: str(f.now)})  # type: ignore[misc]
        yield f"{name} as float", lambda f, name=name: f.token(**{name: f.now + 0.5})  # type: ignore[misc]
        yield f"{name} null", _changed(**{name: None})
        yield f"{name} true", _changed(**{name: True})
        yield f"{name} not a number", _changed(**{name: float("nan")})
    yield "exp beyond all integers", _changed(exp=10**400)


def _claim_cases() -> Iterator[tuple[str, Callable[[Forge], str]]]:
    yield "iss of somebody else", _changed(iss="https://issuer.example/realms/atlas-erp")
    yield "iss with a slash", lambda f: f.token(iss=f"{f.issuer}/")
    yield "iss in a list", lambda f: f.token(iss=[f.issuer])
    yield "iss absent", _changed(iss=ABSENT)
    for audience in ("account", ["account", "other-svc"], [*AUDIENCES, 5], [], {}, None, ABSENT):
        yield f"aud {'absent' if audience is ABSENT else audience}", _changed(aud=audience)
    for typ in ("ID", "Refresh", "Offline", "bearer", None, ABSENT):
        yield f"token type {'absent' if typ is ABSENT else typ}", _changed(typ=typ)
    for azp in ("account-console", "atlas-gateway", "atlas-svc-", "atlas-client", "atlas-cli\n", "xatlas-cli", 5, ABSENT):
        yield f"azp {'absent' if azp is ABSENT else ascii(azp)}", _changed(azp=azp)
    for name in ("sub", "jti"):
        for value in ("", 5, None, "a\nb", "s" * 256, ABSENT):
            yield f"{name} {'absent' if value is ABSENT else ascii(value)[:12]}", _changed(**{name: value})
    yield "realm_access a list", _changed(realm_access=["Admin"])
    yield "scopes as text", _changed(resource_access={"atlas-gateway": {"roles": "orders:read"}})
    yield "scopes as objects", _changed(resource_access={"atlas-gateway": {"roles": [{}]}})


def _form_cases() -> Iterator[tuple[str, Callable[[Forge], str]]]:
    yield "repeated alg", _repeated("header", '"alg": "none"')
    yield "repeated sub", _repeated("payload", '"sub": "somebody"')
    yield "repeated scopes", _repeated("payload", '"resource_access": {"atlas-gateway": {"roles": []}}')
    yield "repeated nested roles", _repeated("payload", '"x": {"roles": [], "roles": ["Admin"]}')
    yield "5 KB", _changed(padding="x" * 3_000)  # in Base64; the library refuses 8 KiB of metadata by itself, now and then
    yield "empty", lambda f: ""
    yield "one segment", lambda f: "token"
    yield "two segments", lambda f: f.token().rpartition(".")[0]
    yield "four segments", lambda f: f.token() + ".AAAA"
    yield "five segments (encrypted form)", lambda f: ".".join([f.token(), "AAAA", "AAAA"])
    yield "padded base64", lambda f: f.token() + "=="
    yield "standard base64 alphabet", lambda f: f.token()[:-2] + "+/"
    yield "space inside", lambda f: f.token().replace(".", " .", 1)
    yield "header not JSON", lambda f: f.raw("{", json.dumps(f.payload()))
    yield "header a list", lambda f: f.raw("[]", json.dumps(f.payload()))
    yield "header 1,400 levels deep", lambda f: f.raw("[" * 1400, "{}", lambda _: b"x")
    yield "claims not JSON", lambda f: f.raw(json.dumps(f.header()), "sub=admin")
    yield "claims with NaN", _changed(weight=float("nan"))
    yield "claims a list", lambda f: f.raw(json.dumps(f.header()), "[]")
    yield "claims 1,400 levels deep", lambda f: f.raw(json.dumps(f.header()), "[" * 1400)


HOSTILE: tuple[Case, ...] = tuple(Case(name, build) for name, build in _cases())

HONEST: tuple[Case, ...] = (
    Case("valid", _changed()),
    Case("access token type", _headed(typ="at+jwt")),
    Case("expired 20 s ago", _shifted(iat=-300, exp=-20)),  # of 30 s: a running stack takes some for itself
    Case("iat 20 s ahead", _shifted(iat=20)),
    Case("nbf now", _shifted(nbf=0)),
    Case("lifetime of an hour", _shifted(exp=3600)),
    Case("other claims", _changed(sid="x", acr="1", email_verified=True)),
)
