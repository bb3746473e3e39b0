"""Redis killed, flushed, paused and full of garbage (fault 35): it holds hints only, so no caller notices."""

from __future__ import annotations

import pytest
import redis

from cli.waiting import wait_until
from tests.faults.conftest import Try
from tests.faults.rhythm import last

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

PAUSE_SECONDS = 3.0


def test_no_caller_notices_what_happens_to_redis(trial: Try) -> None:
    with trial(seconds=10) as it:
        it.load.until_placed(20)
        it.ground.restart("redis")
        with it.ground.paused("redis"):
            last(PAUSE_SECONDS)
        with redis.Redis.from_url(it.ground.addresses.redis) as server:
            wait_until(server.dbsize, bool, what="counters")
            server.flushall()
            wait_until(server.dbsize, bool, what="counters after the flush")
            spoilt = [server.set(key, "garbage", keepttl=True) for key in server.scan_iter()]
        it.load.until_placed(it.load.total)
        assert it.load.till.unknown == set()
        it.tell("35", f"{len(spoilt)} counters spoilt; every call was answered at once")
