"""What a merchant does at the provider, and the clock and the pauses that a test puts into the provider's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi.testclient import TestClient

AUTHORIZED = {"Authorization": "Bearer sandbox-key"}


@dataclass(slots=True)
class MovableClock:
    """Seconds since the epoch, moved by hand."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(slots=True)
class Pauses:
    """Calls that hang, but do not take time: `meanwhile` is done while one hangs."""

    seconds: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = int

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.to_thread(self.meanwhile)


def charge(psp: TestClient, key: str, method: str = "pm_ok", **changes: Any) -> Any:
    """Create an intent, of 120.00 EUR for order-1 where nothing else is said."""
    body = {"minor_units": 12_000, "currency_code": "EUR", "payment_method": method, "reference": "order-1"} | changes
    return psp.post("/v1/payment_intents", headers={"Idempotency-Key": key}, json=body)


def inquire(psp: TestClient, key: str) -> Any:
    """Ask what became of an intent."""
    return psp.get(f"/v1/payment_intents/{key}")


def refund(psp: TestClient, key: str, intent_key: str, minor_units: int) -> Any:
    """Create a refund."""
    body = {"intent_key": intent_key, "minor_units": minor_units}
    return psp.post("/v1/refunds", headers={"Idempotency-Key": key}, json=body)


def pay_out(psp: TestClient, currency_code: str) -> Any:
    """Ask for what is in the balance of a currency."""
    return psp.post("/v1/payouts", json={"currency_code": currency_code})


def listed(psp: TestClient, plural: str) -> list[dict[str, Any]]:
    """Everything in a list, up to a thousand."""
    data: list[dict[str, Any]] = psp.get(f"/v1/{plural}", params={"limit": 1000}).json()["data"]
    return data


def code(response: Any) -> str:
    """Why a call was refused."""
    return str(response.json()["error"]["code"])
