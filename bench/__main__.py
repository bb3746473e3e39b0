"""python -m bench: measures on a stack of its own and prints the table."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.table import Table

from bench import accept, load, saga, stack
from cli.client import RestClient
from cli.connection import StackAddresses

IDLE_SECONDS = 10.0
OURS = ("gateway", "order_svc", "inventory_svc", "billing_svc", "workflow_svc", "reporting_svc", "issuer", "psp")


def main() -> int:
    """Run everything on stacks of its own and print the table."""
    with stack.stack() as addresses:
        idle = _idle_share(addresses)
        _stock(addresses)
        accepted = accept.run(addresses)
        memory = {name: stack.resident_megabytes(pid) for name, pid in stack.pids(addresses.home).items() if name in OURS}
    with stack.stack("postgres") as addresses:
        databases = stack.Databases(addresses)
        databases.migrate("order_svc", "inventory_svc", "billing_svc", "workflow_svc")
        confirmed = saga.run(databases)
    Console(width=100).print(_table(accepted, confirmed, idle, memory))
    return 0


def _table(accepted: accept.Accepted, confirmed: saga.Confirmed, idle: float, memory: dict[str, float]) -> Table:
    table = Table("goal", "measured", "floor", "ratio", "must", title="ratios to a floor of the same run")
    rates = (
        ("P1 accept, orders/s", accepted.per_second, accepted.floor_per_second, accepted.ratio, "0.40"),
        ("P3 saga, orders/s", confirmed.per_second, confirmed.floor_per_second, confirmed.ratio, "1.50"),
    )
    for name, measured, floor_rate, ratio, must in rates:
        table.add_row(name, f"{measured:.0f}", f"{floor_rate:.0f}", f"{ratio:.2f}", must)
    table.add_row("P1 latency p50, p99 (ms)", f"{accepted.p50_ms:.0f}, {accepted.p99_ms:.0f}", "", "", "")
    table.add_row("idle CPU, share of a core", f"{idle:.1%}", "", "", "15 %")
    for name, megabytes in memory.items():
        must = {"gateway": "130", "issuer": "", "psp": ""}.get(name, "180")
        table.add_row(f"resident {name} (MB)", f"{megabytes:.0f}", "", "", must)
    return table


def _idle_share(addresses: StackAddresses) -> float:
    """Return the CPU that our processes use while nothing happens, as a share of one core."""
    pids = [pid for name, pid in stack.pids(addresses.home).items() if name in OURS]
    before = sum(stack.cpu_seconds(pid) for pid in pids)
    time.sleep(IDLE_SECONDS)
    return (sum(stack.cpu_seconds(pid) for pid in pids) - before) / IDLE_SECONDS


def _stock(addresses: StackAddresses) -> None:
    """Make the item that the load orders, with more than enough stock."""
    with RestClient(addresses) as client:
        operator = client.as_user("ops")
        cost = {"currency_code": "EUR", "minor_units": 1200}
        operator.post("/v1/inventory/items", {"sku": load.SKU, "name": "Benchmark lamp", "standard_cost": cost})
        lines = [{"sku": load.SKU, "quantity": 1_000_000}]
        operator.post("/v1/inventory/receipts", {"reference": "bench", "lines": lines})


if __name__ == "__main__":
    sys.exit(main())
