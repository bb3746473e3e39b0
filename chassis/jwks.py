"""The signing keys of the OIDC issuer: found by discovery, fetched ahead of need, kept through a short absence."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import structlog
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError
from jose.utils import base64url_decode

ALGORITHM = "RS256"
TTL = 600.0
REFRESH_AHEAD = 0.8 * TTL
STALE = 3600.0
COOL_DOWN = 10.0
COLD_RETRY = 0.25
REQUEST_TIMEOUT = 2.0
FETCH_TIMEOUT = 5.0
MINIMUM_BITS = 2048

log = structlog.get_logger(__name__)


class JwksSource:
    """The issuer's RSA keys by `kid`; every caller waits for the same fetch, and no `kid` can cause a storm of them."""

    def __init__(
        self,
        issuer: str,
        *,
        client: httpx2.AsyncClient | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._client = client or httpx2.AsyncClient(timeout=REQUEST_TIMEOUT, trust_env=False)
        self._now = now
        self._keys: dict[str, Key] = {}
        self._published: dict[str, tuple[str, str]] = {}
        self._jwks_uri: str | None = None
        self._fetched_at = self._failed_at = self._refetched_at = -math.inf
        self._attempts = 0
        self._flight: asyncio.Task[None] | None = None
        self.generation = 0  # grows when the published keys change

    def ready(self) -> bool:
        """Whether the keys are known and young enough to be trusted."""
        return bool(self._keys) and self._age() <= STALE

    async def warm(self) -> None:
        """Fetch until the keys are known; a process runs this at its start."""
        while not self.ready():
            await self._refresh()
            if not self.ready():
                await asyncio.sleep(COLD_RETRY)

    async def aclose(self) -> None:
        """Stop a fetch under way and close the connections."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        await self._client.aclose()

    async def key(self, kid: str) -> Key | None:
        """The key of this `kid`, or None when the issuer does not publish it or has been away for too long."""
        attempts = self._attempts
        await self._keep_fresh()
        if kid not in self._keys and self.ready() and self._attempts == attempts:
            await self._refetch()
        return self._keys.get(kid) if self.ready() else None

    async def _keep_fresh(self) -> None:
        age, failing = self._age(), self._failed_at > self._fetched_at
        if age <= REFRESH_AHEAD:
            return
        if self._now() - self._failed_at < (COOL_DOWN if self.ready() else COLD_RETRY):
            return
        if age > STALE or (age > TTL and not failing):
            await self._refresh()
        else:
            self._start()

    async def _refetch(self) -> None:
        if self._flight is None:
            if self._now() - self._refetched_at < COOL_DOWN:
                return
            self._refetched_at = self._now()
        await self._refresh()

    async def _refresh(self) -> None:
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._attempt())
        return self._flight

    async def _attempt(self) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                self._adopt(await self._fetch())
            self._fetched_at = self._now()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, TimeoutError) as error:
            self._failed_at, self._jwks_uri = self._now(), None
            log.warning("jwks_fetch_failed", issuer=self._issuer, error=type(error).__name__)
        finally:
            self._attempts += 1
            self._flight = None

    async def _fetch(self) -> list[Any]:
        if self._jwks_uri is None:
            discovery = await self._get(f"{self._issuer}/.well-known/openid-configuration")
            if discovery.get("issuer") != self._issuer or not isinstance(discovery.get("jwks_uri"), str):
                raise ValueError("the discovery document is not this issuer's")
            self._jwks_uri = discovery["jwks_uri"]
        keys = (await self._get(self._jwks_uri)).get("keys")
        if not isinstance(keys, list):
            raise ValueError("the key set has no keys")
        return keys

    async def _get(self, url: str) -> dict[str, Any]:
        response = await self._client.get(url)
        document = response.raise_for_status().json()
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        return document

    def _adopt(self, entries: list[Any]) -> None:
        keys: dict[str, Key] = {}
        published: dict[str, tuple[str, str]] = {}
        for entry in filter(_is_signing_key, entries):
            kid, numbers = entry["kid"], (entry["n"], entry["e"])
            key = self._keys[kid] if self._published.get(kid) == numbers else _build(numbers)
            if key is not None:
                keys[kid], published[kid] = key, numbers
        if not keys:
            raise ValueError("the key set has no usable key")
        if published != self._published:
            self.generation += 1
        self._keys, self._published = keys, published

    def _age(self) -> float:
        return self._now() - self._fetched_at


def _is_signing_key(entry: object) -> bool:
    """Whether this is a named RSA key that is meant for RS256 signatures."""
    if not isinstance(entry, Mapping) or entry.get("kty") != "RSA":
        return False
    if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
        return False
    return all(isinstance(entry.get(name), str) and entry[name] for name in ("kid", "n", "e"))


def _build(numbers: tuple[str, str]) -> Key | None:
    """The public key of a modulus and an exponent; None when it is malformed or shorter than 2048 bits."""
    modulus, exponent = numbers
    try:
        if int.from_bytes(base64url_decode(modulus.encode())).bit_length() < MINIMUM_BITS:
            return None
        return jwk.construct({"kty": "RSA", "n": modulus, "e": exponent}, ALGORITHM)
    except (ValueError, JOSEError):
        return None
