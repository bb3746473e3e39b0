"""Counting here, sharing through a real Redis, and limiting alone while it is away."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable

import limits
import pytest
from limits.errors import StorageError

from gateway.rate_limits import RateLimiter, share_for_ever, shared_counts
from tests.gateway.backend import Backend, a_gateway

HOUR = limits.parse("3/hour")


def a_limiter(name: str = "test", now: Callable[[], float] = lambda: 7_200.0) -> RateLimiter:
    return RateLimiter(name, HOUR, now)


def test_a_window_admits_its_amount_for_each_key() -> None:
    limiter = a_limiter()
    assert [limiter.hit("a").allowed for _ in range(4)] == [True, True, True, False]
    assert limiter.hit("b").remaining == 2


def test_the_next_window_starts_empty_and_is_announced() -> None:
    now = [7_200.0]
    limiter = a_limiter(now=lambda: now[0])
    assert [limiter.hit("a").allowed for _ in range(4)][-1] is False
    assert limiter.hit("a").reset == 3_600
    now[0] += 3_599.5
    assert limiter.hit("a").reset == 1
    now[0] += 1
    assert limiter.hit("a").allowed


async def test_two_gateways_share_one_limit(redis_url: str) -> None:
    name = uuid.uuid4().hex
    one, other = a_limiter(name), a_limiter(name)
    async with shared_counts(redis_url) as storage:
        assert one.hit("a").allowed
        assert one.hit("a").allowed
        await one.share(storage)
        assert other.hit("a").allowed
        await other.share(storage)
        assert not other.hit("a").allowed
        assert one.hit("a").allowed  # it has not heard of the third yet
        await one.share(storage)
        assert not one.hit("a").allowed


async def test_what_could_not_be_shared_is_shared_later(redis_url: str) -> None:
    name = uuid.uuid4().hex
    one, other = a_limiter(name), a_limiter(name)
    one.hit("a")
    async with shared_counts("redis://127.0.0.1:9/0") as away:
        with pytest.raises(StorageError):
            await one.share(away)
    async with shared_counts(redis_url) as storage:
        await one.share(storage)
        other.hit("a")
        await other.share(storage)
    assert other.hit("a").remaining == 0


async def test_counts_are_shared_without_being_asked(redis_url: str) -> None:
    name = uuid.uuid4().hex
    one, other = a_limiter(name), a_limiter(name)
    one.hit("a")
    async with shared_counts(redis_url) as storage, asyncio.timeout(5):
        sharing = asyncio.create_task(share_for_ever((one,), redis_url))
        while not await storage.get(f"{name}/a/7200"):
            await asyncio.sleep(0.01)
        sharing.cancel()
        await asyncio.gather(sharing, return_exceptions=True)
    assert other.hit("a").allowed


async def test_requests_do_not_wait_for_a_redis_that_is_away() -> None:
    async with a_gateway({}, Backend(), redis_url="redis://127.0.0.1:9/0", principal_limit="3/hour") as gateway:
        started = time.monotonic()
        assert [(await gateway.get("/v1/me")).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert time.monotonic() - started < 1


def test_keys_of_past_windows_are_forgotten() -> None:
    now = [0.0]
    limiter = RateLimiter("test", limits.parse("1/second"), lambda: now[0])
    for number in range(250_000):
        now[0] = number / 1_000
        limiter.hit(str(number))
    assert len(limiter._windows) <= 100_000
