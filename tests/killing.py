"""50 orders, one process of the stack killed with -9 in the middle of them: it comes back, and all orders end right."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

from cli.auditing.auditor import audit
from cli.client import Json, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order
from cli.waiting import wait_until
from tests.stack import Stack

ORDERS = 50
BEFORE_THE_KILL = 15
CALLERS = 8
RESTART_SECONDS = 60.0
CONFIRM_SECONDS = 120.0


def kill_amid_orders(stack: Stack, client: RestClient, process: str) -> None:
    """Place the orders and kill; afterwards each acknowledged order is confirmed once, in every service and in the reports."""
    stage = Stage(client, Silence())
    sku = stage.item("KILL", stock=ORDERS)
    customer = f"cust-{uuid.uuid4().hex[:8]}"
    restarts = stack.state.components[process].restarts

    def place(_: int) -> Json:
        answer: Json = stage.buyer.post("/v1/orders", an_order(sku, 1) | {"customer_id": customer})
        return answer

    with ThreadPoolExecutor(CALLERS) as pool:
        under_way = [pool.submit(place, number) for number in range(ORDERS)]
        for number, _ in enumerate(as_completed(under_way), start=1):
            if number == BEFORE_THE_KILL:
                kill(stack, process)
        placed = {future.result()["order_id"] for future in under_way}
    wait_until(lambda: is_back(stack, process, restarts), bool, what=f"{process} again", seconds=RESTART_SECONDS)
    wait_until(lambda: _states(stage, customer), {"CONFIRMED"}.__eq__, what="CONFIRMED", seconds=CONFIRM_SECONDS)
    wait_until(lambda: _reported(stage, customer), {"CONFIRMED": ORDERS}.__eq__, what="the report", seconds=CONFIRM_SECONDS)
    found = {order["order_id"] for order in stage.reader.pages("/v1/orders", "orders", customer_id=customer)}
    assert (len(placed), found) == (ORDERS, placed)
    stage.expect_stock(sku, on_hand=ORDERS, reserved=ORDERS, available=0)
    assert [check for check in stage.checks if not check.holds] == []
    assert [invariant for invariant in audit(client) if not invariant.holds] == []


def kill(stack: Stack, process: str) -> None:
    """End a process as a power cut would."""
    pid = stack.state.components[process].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def is_back(stack: Stack, process: str, restarts: int) -> bool:
    """Whether a process is ready that has started again more often than that."""
    row = stack.state.components[process]
    return row.restarts > restarts and row.health == "ready"


def _states(stage: Stage, customer: str) -> set[str]:
    return {order["state"] for order in stage.reader.pages("/v1/orders", "orders", customer_id=customer)}


def _reported(stage: Stage, customer: str) -> dict[str, int]:
    return Counter(row["state"] for row in stage.reader.pages("/v1/reports/order-summary", "rows", customer_id=customer))
