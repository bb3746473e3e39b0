"""P12 and idle CPU: what a stack holds in memory after 10,000 orders, and what it burns while nothing happens."""

from __future__ import annotations

import time

import uvloop

from bench import load
from bench.figures import Check, Detail, Outcome, gather, value_of
from bench.order_service import relaying, serving
from bench.processes import cpu_of, resident_megabytes
from bench.promises import Books
from bench.raw_kafka import Cluster
from bench.stack import REAL_KAFKA, Databases, gateway_port, pids, stack
from cli.client import RestClient
from cli.connection import StackAddresses
from cli.token import fetch_token

GOAL = "P12"
ORDERS = 10_000
CONNECTIONS = 32
SETTLE_SECONDS = 8.0
IDLE_SECONDS = 15.0
SERVICES = ("order_svc", "inventory_svc", "billing_svc", "workflow_svc", "reporting_svc")
OURS = ("gateway", *SERVICES, "issuer", "psp")
STOCKED = 1_000_000


def run(_pairs: int) -> Outcome:
    """Measure on two stacks: everything in one process a service, and single roles. Nothing here has a floor or pairs."""
    return gather([_whole_stack(), _single_roles()])


def _whole_stack() -> Outcome:
    with stack(providers=REAL_KAFKA) as addresses:
        _stock(addresses)
        idle = _idle(pids(addresses))
        books = Books(Databases(addresses), SERVICES)
        _place(addresses)
        books.wait_for_confirmed(ORDERS)
        books.wait_for_outboxes()
        memory = {name: resident_megabytes(pid) for name, pid in pids(addresses).items() if name in OURS}
        checks = (
            Check(GOAL, "orders confirmed", ORDERS, books.confirmed()),
            *books.checks(GOAL),
            *books.published(GOAL, Cluster.of(addresses)),
        )
        books.close()
    figures = (
        value_of("P12.gateway", [memory["gateway"]]),
        value_of("P12.all", [max(memory[name] for name in SERVICES)]),
        value_of("idle.ours", [sum(idle[name] for name in OURS)]),
        value_of("idle.kafka", [idle["kafka"]]),
    )
    details = [Detail("idle", name, value, "% of a core") for name, value in idle.items()]
    details += [Detail(GOAL, f"{name}, all roles", memory[name], "MB") for name in SERVICES]
    return Outcome(figures, tuple(details), checks)


def _single_roles() -> Outcome:
    with stack("postgres", "redis", "issuer", "kafka", "gateway", providers=REAL_KAFKA) as addresses:
        databases = Databases(addresses)
        databases.migrate("order_svc")
        with serving(addresses, addresses.kafka) as serve, relaying(addresses) as relay:
            books = Books(databases, ["order_svc"])
            _place(addresses)
            books.wait_for_outboxes()
            memory = resident_megabytes(serve), resident_megabytes(relay)
            checks = (*books.checks(GOAL), *books.published(GOAL, Cluster.of(addresses)))
            books.close()
    return Outcome((value_of("P12.serve", memory[:1]), value_of("P12.relay", memory[1:])), (), checks)


def _idle(running: dict[str, int]) -> dict[str, float]:
    """Return the CPU of each process while nothing happens, in % of one core."""
    time.sleep(SETTLE_SECONDS)
    before, started = cpu_of(running), time.monotonic()
    time.sleep(IDLE_SECONDS)
    after, seconds = cpu_of(running), time.monotonic() - started
    return {name: (after[name] - before[name]) / seconds * 100 for name in running}


def _place(addresses: StackAddresses) -> None:
    token = fetch_token(addresses.token_url, user="ops")
    uvloop.run(load.place_orders(gateway_port(addresses), token, count=ORDERS, connections=CONNECTIONS))


def _stock(addresses: StackAddresses) -> None:
    """Make the item that the load orders, with more than enough stock."""
    with RestClient(addresses) as client:
        operator = client.as_user("ops")
        cost = {"currency_code": "EUR", "minor_units": 1200}
        operator.post("/v1/inventory/items", {"sku": load.SKU, "name": "Benchmark lamp", "standard_cost": cost})
        lines = [{"sku": load.SKU, "quantity": STOCKED}]
        operator.post("/v1/inventory/receipts", {"reference": "bench", "lines": lines})
