"""Rate limits: counted here at once, shared between gateways through Redis a moment later.

A request never waits for Redis. Each window is counted in memory; a background task adds what was counted to the shared
count and learns the total, so several gateways together overshoot by what comes in within one round at most. While Redis
is away each gateway limits by its own count.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage, Storage
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

ROUND_SECONDS = 0.1
REDIS_TIMEOUT_SECONDS = 0.05
MAX_KEYS = 100_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a window after a hit; `reset` is in whole seconds."""

    allowed: bool
    remaining: int
    reset: int


@dataclass(slots=True)
class _Window:
    start: int
    total: int = 0
    unshared: int = 0


class RateLimiter:
    """One limit over fixed windows, for any number of keys."""

    def __init__(self, name: str, limit: RateLimitItem, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self.amount = limit.amount
        self.seconds = limit.get_expiry()
        self._now = now
        self._windows: dict[str, _Window] = {}

    def hit(self, key: str) -> Quota:
        """Count one request of a key, unless its window is full."""
        now = self._now()
        start = int(now) // self.seconds * self.seconds
        window = self._windows.get(key)
        if window is None or window.start != start:
            window = self._open(key, start)
        reset = max(1, start + self.seconds - int(now))
        if window.total >= self.amount:
            return Quota(False, 0, reset)
        window.total += 1
        window.unshared += 1
        return Quota(True, self.amount - window.total, reset)

    async def share(self, storage: Storage) -> None:
        """Add what was counted since the last round to the shared counts, and learn the totals."""
        for key, window in list(self._windows.items()):
            if not (counted := window.unshared):
                continue
            window.unshared = 0
            try:
                name = f"{self.name}/{key}/{window.start}"
                total = await storage.incr(name, self.seconds + 1, amount=counted)
            except BaseException:
                window.unshared += counted
                raise
            window.total = max(window.total, total + window.unshared)

    def _open(self, key: str, start: int) -> _Window:
        if len(self._windows) >= MAX_KEYS:
            current = {k: w for k, w in self._windows.items() if w.start == start}
            self._windows = current if len(current) < MAX_KEYS else {}
        window = self._windows[key] = _Window(start)
        return window


async def share_for_ever(limiters: tuple[RateLimiter, ...], url: str) -> None:
    """Share the counts of all limiters round by round until cancelled; a Redis that is away is tried again."""
    async with shared_counts(url) as storage:
        await _share(limiters, storage)


async def _share(limiters: tuple[RateLimiter, ...], storage: Storage) -> None:
    reachable = True
    while True:
        await asyncio.sleep(ROUND_SECONDS)
        try:
            for limiter in limiters:
                await limiter.share(storage)
        except Exception as error:
            if reachable:
                log.warning("rate limits are local: redis is away", error=type(error).__name__)
            reachable = False
            await asyncio.sleep(1)
        else:
            if not reachable:
                log.info("rate limits are shared again")
            reachable = True


@contextlib.asynccontextmanager
async def shared_counts(url: str) -> AsyncIterator[Storage]:
    """Open the counts in Redis. A call fails within 50 ms while it is away, and the client does not repeat it."""
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    options: dict[str, Any] = {"connection_pool": pool}
    try:
        yield RedisStorage(f"async+{url}", implementation="redispy", wrap_exceptions=True, **options)
    finally:
        await pool.aclose()
