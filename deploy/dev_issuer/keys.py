"""The signing keys, kept in a folder so that tokens survive a restart of the issuer."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jose import jwk, jws
from jose.utils import base64url_encode

ALGORITHM = "RS256"
BITS = 2048
CURRENT = "signing-key.pem"
PREVIOUS = "previous-key.pem"


class SigningKey:
    """An RSA key and the `kid` that follows from it (RFC 7638 thumbprint)."""

    def __init__(self, private_key: RSAPrivateKey) -> None:
        self._signer = jwk.construct(private_key, ALGORITHM)  # type: ignore[arg-type]  # the stub knows texts only
        numbers = self._signer.public_key().to_dict()
        self._public = {"kty": "RSA", "n": numbers["n"], "e": numbers["e"]}
        canonical = json.dumps(self._public, sort_keys=True, separators=(",", ":"))
        self.kid = base64url_encode(sha256(canonical.encode()).digest()).decode()

    def sign(self, claims: dict[str, Any]) -> str:
        """The claims as a compact JWT."""
        return jws.sign(claims, self._signer, headers={"kid": self.kid}, algorithm=ALGORITHM)

    def public_jwk(self) -> dict[str, str]:
        """The public half, as published."""
        return {"kid": self.kid, "alg": ALGORITHM, "use": "sig", **self._public}


class KeyRing:
    """The key that signs now and, after a rotation, the one before it, whose tokens stay valid."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir(parents=True, exist_ok=True)
        current, previous = home / CURRENT, home / PREVIOUS
        if not current.exists():
            _create(current)
        self.current = SigningKey(read_private_key(current))
        self._previous = SigningKey(read_private_key(previous)) if previous.exists() else None

    def rotate(self) -> None:
        """Sign with a new key from now on; the current one is still published."""
        (self._home / CURRENT).replace(self._home / PREVIOUS)
        _create(self._home / CURRENT)
        self._previous, self.current = self.current, SigningKey(read_private_key(self._home / CURRENT))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The published key set."""
        return {"keys": [key.public_jwk() for key in (self.current, self._previous) if key is not None]}


def read_private_key(path: Path) -> RSAPrivateKey:
    """The RSA key in this PEM file."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path} holds no RSA key")
    return key


def _create(path: Path) -> None:
    """Write a new key that only its owner can read, whole or not at all."""
    pem = generate_private_key(public_exponent=65537, key_size=BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    draft.replace(path)
