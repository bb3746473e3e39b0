"""The coalescer runs what waits together, never waits for more, and finishes what it has taken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from chassis.coalescer import Coalescer
from chassis.errors import Overloaded, Unavailable


class Work:
    """Work that a test holds back, and that remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.error: Exception | None = None

    def __call__(self, items: Sequence[int]) -> list[int]:
        """Wait for the gate, and double each item."""
        self.gate.wait(10)
        self.batches.append(list(items))
        if self.error is not None:
            raise self.error
        return [item * 2 for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def coalescer(work: Work) -> AsyncIterator[Coalescer[int, int]]:
    made: Coalescer[int, int] = Coalescer(work, batch=4, queue=6)
    made.start()
    yield made
    work.gate.set()
    await made.drain()


async def _submitted(coalescer: Coalescer[int, int], *items: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(coalescer.submit(item)) for item in items]
    for _ in range(3):  # let them queue, and the worker take the first
        await asyncio.sleep(0)
    return tasks


async def test_an_item_alone_is_a_batch_of_one(coalescer: Coalescer[int, int], work: Work) -> None:
    work.gate.set()
    assert await coalescer.submit(3) == 6
    assert work.batches == [[3]]


async def test_what_waits_meanwhile_runs_together_and_each_gets_its_own(coalescer: Coalescer[int, int], work: Work) -> None:
    first = await _submitted(coalescer, 1)
    rest = await _submitted(coalescer, 2, 3, 4, 5, 6)
    work.gate.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8, 10, 12]
    assert work.batches == [[1], [2, 3, 4, 5], [6]]


async def test_a_full_queue_refuses(coalescer: Coalescer[int, int], work: Work) -> None:
    tasks = await _submitted(coalescer, 0)
    tasks += await _submitted(coalescer, *range(1, 7))
    with pytest.raises(Overloaded) as caught:
        await coalescer.submit(99)
    assert caught.value.retry_after == 1
    work.gate.set()
    assert await asyncio.gather(*tasks) == [item * 2 for item in range(7)]


async def test_a_caller_who_goes_away_does_not_cut_the_work(coalescer: Coalescer[int, int], work: Work) -> None:
    running = await _submitted(coalescer, 1)
    waiting = await _submitted(coalescer, 2, 3)
    for task in (*running, waiting[0]):
        task.cancel()
    work.gate.set()
    assert await waiting[1] == 6
    assert work.batches == [[1], [2, 3]]
    assert [task.cancelled() for task in (*running, waiting[0])] == [True, True]


async def test_an_error_of_the_batch_reaches_each_caller_and_the_next_batch_runs(
    coalescer: Coalescer[int, int], work: Work
) -> None:
    work.error = ValueError("broken")
    tasks = await _submitted(coalescer, 1)
    tasks += await _submitted(coalescer, 2, 3)
    work.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    work.error = None
    assert await coalescer.submit(4) == 8


async def test_draining_finishes_what_is_queued_and_takes_nothing_more(work: Work) -> None:
    coalescer: Coalescer[int, int] = Coalescer(work, batch=2, queue=6)
    coalescer.start()
    tasks = await _submitted(coalescer, 1, 2, 3)
    draining = asyncio.create_task(coalescer.drain())
    for _ in range(3):
        await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await coalescer.submit(4)
    work.gate.set()
    await draining
    assert [task.result() for task in tasks] == [2, 4, 6]
