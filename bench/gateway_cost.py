"""P8: what the gateway costs beyond its gRPC call: its CPU a request, less a bare client's, beside a no-op FastAPI route's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from bench import load, peers
from bench.figures import Detail, Outcome, Pair, medians, ratio_of
from bench.processes import ROOT, cpu_seconds, program
from bench.stack import gateway_port, log_file, pids, stack
from cli.client import RestClient
from cli.connection import StackAddresses
from cli.token import fetch_token
from deploy.local import free_base

GOAL = "P8"
REQUESTS = 4_000
CLIENT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Site:
    """What runs: the gateway, a no-op route, and the upstream that both the gateway and the bare client call."""

    addresses: StackAddresses
    gateway: int
    route: int
    route_port: int
    upstream_port: int

    def costs(self, requests: int) -> dict[str, float]:
        """Return the CPU of one request in µs: through the gateway, of a bare client's call, of the no-op route."""
        token = fetch_token(self.addresses.token_url, user="ops")

        def through(port: int) -> None:
            uvloop.run(load.place_orders(port, token, count=requests, connections=peers.CONNECTIONS))

        return {
            "gateway": _cpu(self.gateway, lambda: through(gateway_port(self.addresses))) / requests * 1e6,
            "bare gRPC client": _client_seconds(self.upstream_port, requests, token) / requests * 1e6,
            "no-op route": _cpu(self.route, lambda: through(self.route_port)) / requests * 1e6,
        }


def run(pairs: int) -> Outcome:
    """Measure on a stack of its own."""
    with stack("redis", "issuer", "gateway") as addresses:
        upstream_port, route_port = int(addresses.grpc["order_svc"].rpartition(":")[2]), free_base()
        with (
            program("bench.peers", "upstream", str(upstream_port), port=upstream_port, log=log_file(addresses, "upstream")),
            program("bench.peers", "route", str(route_port), port=route_port, log=log_file(addresses, "route")) as route,
        ):
            with RestClient(addresses) as client:  # the gateway finds the upstream a moment later
                client.as_user("ops").post("/v1/orders", load.ORDER)
            site = Site(addresses, pids(addresses)["gateway"], route, route_port, upstream_port)
            site.costs(peers.WARM_UP)
            rows = [site.costs(REQUESTS) for _ in range(pairs)]
    rates = [Pair(row["gateway"] - row["bare gRPC client"], row["no-op route"]) for row in rows]
    details: tuple[Detail, ...] = medians(GOAL, rows, "µs CPU/request")
    return Outcome((ratio_of(GOAL, rates),), details)


def _cpu(pid: int, work: Callable[[], None]) -> float:
    before = cpu_seconds(pid)
    work()
    return cpu_seconds(pid) - before


def _client_seconds(port: int, requests: int, token: str) -> float:
    """Let the bare client call from a process of its own; the CPU seconds of its calls."""
    command = [sys.executable, "-m", "bench.peers", "client", str(port), str(requests)]
    environment = {**os.environ, peers.TOKEN_VARIABLE: token}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=True
    )
    return float(done.stdout)
