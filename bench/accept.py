"""P1: orders accepted durably over REST, 32 connections, beside pgbench with the same SQL."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import uvloop

from bench import floor, load
from bench.stack import database_url, pgbench
from cli.connection import StackAddresses
from cli.token import fetch_token

PAIRS = 5
ORDERS = 2_000
SECONDS = 4
CONNECTIONS = 32
CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Accepted:
    """Medians over interleaved pairs: orders a second, the floor's, their ratio, and the latency of the best pair in ms."""

    per_second: float
    floor_per_second: float
    ratio: float
    p50_ms: float
    p99_ms: float


def run(addresses: StackAddresses) -> Accepted:
    """Measure on a running stack. The floor writes into the same database."""
    token = fetch_token(addresses.token_url, user="ops")
    port = int(addresses.base_url.rpartition(":")[2])
    pairs: list[tuple[load.Load, float]] = []
    for _ in range(PAIRS):
        placed = uvloop.run(load.place_orders(port, token, count=ORDERS, connections=CONNECTIONS))
        tps = floor.transactions_per_second(
            pgbench(), database_url(addresses, "order_svc"), "place_order.sql", clients=CLIENTS, seconds=SECONDS
        )
        pairs.append((placed, tps))
    best = max((placed for placed, _ in pairs), key=lambda placed: placed.per_second)
    return Accepted(
        per_second=statistics.median(placed.per_second for placed, _ in pairs),
        floor_per_second=statistics.median(tps for _, tps in pairs),
        ratio=statistics.median(placed.per_second / tps for placed, tps in pairs),
        p50_ms=best.quantile(0.5) * 1000,
        p99_ms=best.quantile(0.99) * 1000,
    )
