"""How the callers of a load send commands: under one key each, again and again until there is an answer."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence

from cli.client import CliProblem, Json, Reply, RestClient
from cli.exits import CommandFailed, ExitCode
from cli.waiting import wait_until

ANSWER_SECONDS = 150.0
OVERLOADED = 429


class Till:
    """Sends commands through gateways in turn. An outcome is unknown where the call broke, timed out, or was unavailable."""

    def __init__(self, gateways: Sequence[RestClient]) -> None:
        self._clients = [RestClient(gateway.addresses, patience=0.0) for gateway in gateways]
        self._gateways = itertools.cycle(self._clients)
        self.reader = gateways[0].as_user("admin")
        self._lock = threading.Lock()
        self.unknown: set[str] = set()
        """The keys whose outcome was unknown at least once."""
        self.had_happened: set[str] = set()
        """Those of them whose effect was there when the key was sent again."""

    def command(self, user: str, path: str, body: Json, key: str) -> Json:
        """Send a command until it is answered; what it is answered. CliProblem when it is refused."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            with self._lock:
                gateway = next(self._gateways)
            try:
                return self._answered(gateway.as_user(user).command(path, body, key), key)
            except CommandFailed as failure:
                if not _is_passing(failure) or time.monotonic() > deadline:
                    raise
                if not (isinstance(failure, CliProblem) and failure.status == OVERLOADED):
                    self.unknown.add(key)
            time.sleep(0.1)

    def _answered(self, reply: Reply, key: str) -> Json:
        if reply.is_replay and key in self.unknown:
            self.had_happened.add(key)
        body: Json = reply.body
        return body

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.__exit__()

    def cancel(self, order_id: str) -> None:
        """The buyer cancels."""
        body = {"reason": "CUSTOMER_REQUEST", "comment": ""}
        self.command("buyer", f"/v1/orders/{order_id}/cancel", body, f"{order_id}-cancel")

    def decide(self, order_id: str, verb: str) -> None:
        """The approver approves; then finance approves or rejects."""
        approval = wait_until(lambda: self._approval(order_id), _is_open, what="an open approval", seconds=ANSWER_SECONDS)
        body = {"comment": "of a load", "terms_version": approval["terms_version"], "total": approval["total"]}
        path = f"/v1/approvals/{approval['approval_id']}"
        self.command("approver", f"{path}/approve", body, f"{order_id}-approver")
        self.command("finance", f"{path}/{verb}", body, f"{order_id}-finance")

    def _approval(self, order_id: str) -> Json:
        return next(iter(self.reader.pages("/v1/approvals", "approvals", order_id=order_id)), {})


def _is_open(approval: Json) -> bool:
    return bool(approval) and bool(approval["steps"][0]["state"] == "OPEN")


def _is_passing(failure: CommandFailed) -> bool:
    return failure.is_passing if isinstance(failure, CliProblem) else failure.code is ExitCode.UNREACHABLE
