"""P1: orders accepted durably over REST by 32 connections, beside pgbench with the same SQL.

Only what accepts an order runs: PostgreSQL, Redis, the issuer, the gateway, and order_svc in its `serve` role.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop

from bench import load, order_rows
from bench.figures import Detail, Outcome, Pair, medians, ratio_of
from bench.floor import Floor
from bench.order_service import serving
from bench.processes import cpu_of, microseconds
from bench.stack import Databases, gateway_port, pgbench, pids, stack
from cli.connection import StackAddresses
from cli.token import fetch_token

GOAL = "P1"
PARTS = ("postgres", "redis", "issuer", "gateway")
ORDERS = 4_000
WARM_UP = 500
SECONDS = 4
CONNECTIONS = 32
CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Accepted:
    """One load: what it measured, and the CPU of each process in µs an order."""

    load: load.Load
    microseconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Shop:
    """A gateway that takes orders: its port, and the processes whose CPU an order costs."""

    addresses: StackAddresses
    port: int
    processes: dict[str, int]

    def place(self, count: int) -> Accepted:
        """Place orders over 32 connections. Anything but 201 is an error."""
        token = fetch_token(self.addresses.token_url, user="ops")
        before = cpu_of(self.processes) | load.own_cpu()
        placed = uvloop.run(load.place_orders(self.port, token, count=count, connections=CONNECTIONS))
        after = cpu_of(self.processes) | load.own_cpu()
        return Accepted(placed, microseconds(before, after, count))


def run(pairs: int) -> Outcome:
    """Measure on a stack of its own."""
    with shop() as ours:
        databases = Databases(ours.addresses)
        floor = Floor(pgbench(), databases.floor())
        ours.place(WARM_UP)
        floor.run("place_order.sql", clients=CLIENTS, seconds=1)
        placed, costs, rates = [], [], []
        for _ in range(pairs):
            placed.append(ours.place(ORDERS))
            rate, cost = _floor_cost(floor, ours.processes["PostgreSQL"])
            rates.append(Pair(placed[-1].load.per_second, rate))
            costs.append(cost)
        checks = order_rows.checks(GOAL, databases.url("order_svc"), WARM_UP + pairs * ORDERS)
    return Outcome((ratio_of(GOAL, rates),), (*_details(placed), *_cpu_details(placed, costs)), checks)


@contextmanager
def shop() -> Iterator[Shop]:
    """Start our shop on a stack of its own."""
    with stack(*PARTS) as addresses:
        Databases(addresses).migrate("order_svc")
        with serving(addresses) as order_svc:
            running = pids(addresses)
            processes = {"gateway": running["gateway"], "order_svc": order_svc, "PostgreSQL": running["postgres"]}
            yield Shop(addresses, gateway_port(addresses), processes)


def _floor_cost(floor: Floor, server: int) -> tuple[float, dict[str, float]]:
    """Run the floor; its transactions a second, and the CPU of each side in µs a transaction."""
    before = cpu_of({"PostgreSQL": server})
    ran = floor.run("place_order.sql", clients=CLIENTS, seconds=SECONDS)
    cost = microseconds(before, cpu_of({"PostgreSQL": server}), ran.count)
    return ran.per_second, cost | {"pgbench": ran.client_seconds / ran.count * 1e6}


def _details(placed: Sequence[Accepted]) -> tuple[Detail, ...]:
    rows = [{f"latency p{int(share * 100)}": each.load.quantile(share) * 1000 for share in (0.5, 0.99)} for each in placed]
    return medians(GOAL, rows, "ms")


def _cpu_details(placed: Sequence[Accepted], costs: Sequence[dict[str, float]]) -> tuple[Detail, ...]:
    ours = [sum(each.microseconds.values()) for each in placed]
    floors = [sum(cost.values()) for cost in costs]
    ratio = statistics.median(floor / own for own, floor in zip(ours, floors, strict=True))
    return (
        *medians(GOAL, [each.microseconds | {"all": own} for each, own in zip(placed, ours, strict=True)], "µs CPU/order"),
        *medians(GOAL, [{f"floor: {name}": value for name, value in cost.items()} for cost in costs], "µs CPU/order"),
        Detail(GOAL, "CPU of the floor over ours", ratio, ""),
    )
