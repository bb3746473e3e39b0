"""A light HTTP load: some connections, each sends the next request when it has its answer. No client library in between."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass

SKU = "BENCH-01"
PRICE = {"currency_code": "EUR", "minor_units": 1999}
ORDER = {
    "customer_id": "bench",
    "currency_code": "EUR",
    "payment_method": "pm_ok",
    "lines": [{"sku": SKU, "quantity": 3, "unit_price": PRICE, "tax_rate_basis_points": 2000}],
}


@dataclass(frozen=True, slots=True)
class Load:
    """What a run measured: requests a second, and the latencies in seconds, sorted."""

    per_second: float
    latencies: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """Return the latency below which `share` of the requests stayed."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def own_cpu() -> dict[str, float]:
    """Return the CPU seconds that this process, which makes the load, has used."""
    return {"load generator": time.process_time()}


async def place_orders(port: int, token: str, *, count: int, connections: int) -> Load:
    """Place `count` orders over `connections` connections. An answer other than 201 is an error."""
    body = json.dumps(ORDER).encode()
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
    ).encode()
    left = iter(range(count))
    latencies: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            started = time.perf_counter()
            writer.write(head + uuid.uuid4().hex.encode() + b"\r\n\r\n" + body)
            await _created(reader)
            latencies.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*[connection() for _ in range(connections)])
    return Load(count / (time.perf_counter() - started), tuple(sorted(latencies)))


async def _created(reader: asyncio.StreamReader) -> None:
    """Read one answer; its length is in its header."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(length)
    if status != b"201":
        raise RuntimeError(f"{status.decode()}: {body[:300].decode()}")
