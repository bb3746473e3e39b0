"""Processes killed, stopped and doubled under load: faults 2, 36, 47 and 50."""

from __future__ import annotations

import random
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli.client import Reply, RestClient
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Stage, an_order
from tests.faults.conftest import Try
from tests.faults.ground import OURS, Ground
from tests.faults.rhythm import last

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

LOOP_SECONDS = 60.0
CALLS = 50
SEED = "kill -9"


def test_orders_survive_a_minute_of_kills(trial: Try) -> None:
    mood = random.Random(SEED)
    print(f"seed {SEED!r}")
    with trial(seconds=LOOP_SECONDS - 5) as it:
        before, end = it.ground.restarts(), time.monotonic() + LOOP_SECONDS
        killed = set()
        while time.monotonic() < end:
            name = mood.choice((*OURS, "psp"))
            it.ground.send(name, signal.SIGKILL)
            killed.add(name)
            last(mood.uniform(1.0, 3.0))
        it.ground.until_back({name: before[name] for name in killed})
        it.tell("2", f"{', '.join(sorted(killed))} killed at random for {LOOP_SECONDS:.0f} s")


def test_a_rolling_restart_under_load_loses_nothing_and_every_process_ends_by_itself(trial: Try) -> None:
    with trial(seconds=25) as it:
        it.load.until_placed(20)
        for name in OURS:
            restarts = it.ground.row(name).restarts
            assert it.ground.stopped(name) == {name: 0}
            it.ground.until_back({name: restarts})
        it.tell("47", f"{len(OURS)} processes stopped one after the other, each with exit code 0")


def test_every_worker_twice_and_one_key_through_two_gateways(trial: Try, ground: Ground) -> None:
    with (
        ground.doubled(*OURS) as ports,
        ground.through(ports["gateway"]) as second,
        trial(ground.client, second, seconds=10) as it,
    ):
        it.load.until_placed(60)
        replies = _one_key(ground, second)
        assert len({reply.body["order_id"] for reply in replies}) == 1
        replayed = sum(reply.is_replay for reply in replies)
        assert replayed == CALLS - 1
        it.tell("36", f"{CALLS} calls at once gave one order, {replayed} of them as a replay")
        it.tell("50", f"two processes of each of {len(OURS)}")


def _one_key(ground: Ground, second: RestClient) -> list[Reply]:
    """One order, sent at once by many callers through two gateways under one key."""
    sku = Stage(ground.client, Silence()).item("ONCE", stock=1)
    key, gateways = str(uuid.uuid4()), (ground.client, second)

    def send(number: int) -> Reply:
        return gateways[number % 2].as_user("buyer").command("/v1/orders", an_order(sku, 1), key)

    with ThreadPoolExecutor(CALLS) as pool:
        return list(pool.map(send, range(CALLS)))
