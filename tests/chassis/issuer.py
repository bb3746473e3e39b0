"""An issuer that a test can send away, slow down or let publish anything; spoken to over HTTP, without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

ISSUER = "http://issuer.test/realms/atlas-erp"
CERTS = f"{ISSUER}/protocol/openid-connect/certs"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"


class Clock:
    """Time that moves when the test says so."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class Issuer:
    """Publishes `keys`, counts what is asked, and answers by the switches."""

    def __init__(self, keys: list[dict[str, str]]) -> None:
        self.keys: list[Any] = list(keys)
        self.discovery: object = {"issuer": ISSUER, "jwks_uri": CERTS}
        self.away = False
        self.gate: asyncio.Event | None = None
        self.asked: list[str] = []

    def client(self) -> httpx2.AsyncClient:
        """A client whose every request ends here."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    @property
    def key_fetches(self) -> int:
        """How often the key set was asked for."""
        return self.asked.count(CERTS)

    @property
    def strange_requests(self) -> list[str]:
        """What was asked beside discovery and keys."""
        return [url for url in self.asked if url not in (CERTS, DISCOVERY)]

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise httpx2.ConnectError("refused", request=request)
        body: object = {"keys": self.keys} if str(request.url) == CERTS else self.discovery
        return httpx2.Response(200, content=json.dumps(body), headers={"content-type": "application/json"})
