"""kill -9 of each process of ours, and of the broker, in the middle of 50 orders.

The embedded broker comes back empty, as another cluster: the relays publish the retained outbox again.
"""

from __future__ import annotations

import pytest

from cli.client import RestClient
from tests.killing import kill_amid_orders
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

QUICK, MORE = ("order_svc", "billing_svc", "gateway", "kafka"), ("inventory_svc", "workflow_svc", "reporting_svc", "psp")
PROCESSES = (*QUICK, *(pytest.param(process, marks=pytest.mark.full) for process in MORE))


@pytest.mark.parametrize("process", PROCESSES)
def test_orders_end_right_whoever_is_killed(stack: Stack, client: RestClient, process: str) -> None:
    kill_amid_orders(stack, client, process)
