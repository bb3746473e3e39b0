"""The coalescer: whatever commands are waiting run in one transaction. It never waits for a batch to fill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from chassis.errors import Overloaded, Unavailable

I = TypeVar("I")  # noqa: E741 - an item
O = TypeVar("O")  # noqa: E741 - its outcome


class Coalescer(Generic[I, O]):
    """Runs items in batches on one worker thread, so that a caller who goes away never cuts a transaction.

    `run` takes a batch and returns one outcome an item, in order. The queue is bounded: a full one is Overloaded.
    """

    def __init__(self, run: Callable[[Sequence[I]], Sequence[O]], *, batch: int, queue: int) -> None:
        self._run = run
        self._batch = batch
        self._queue: asyncio.Queue[tuple[I, asyncio.Future[O]]] = asyncio.Queue(queue)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="commands")
        self._worker: asyncio.Task[None] | None = None
        self._draining = False

    def start(self) -> None:
        """Start working; called once, inside the event loop."""
        self._worker = asyncio.create_task(self._work())

    async def submit(self, item: I) -> O:
        """Queue an item and wait for its own outcome. Cancelling the wait does not cancel the work."""
        if self._draining:
            raise Unavailable("the service is stopping", retry_after=1)
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((item, future))
        except asyncio.QueueFull:
            raise Overloaded("too many commands are waiting", retry_after=1) from None
        return await future

    async def drain(self) -> None:
        """Finish what is queued, then stop; from now on nothing more is taken."""
        self._draining = True
        await self._queue.join()
        if self._worker is not None:
            self._worker.cancel()
        self._executor.shutdown(wait=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            waiting = [await self._queue.get()]
            while len(waiting) < self._batch and not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            try:
                outcomes = await loop.run_in_executor(self._executor, self._run, [item for item, _ in waiting])
            except Exception as error:
                for _, future in waiting:
                    settle(future, error)
            else:
                for (_, future), outcome in zip(waiting, outcomes, strict=True):
                    settle(future, outcome)
            for _ in waiting:
                self._queue.task_done()


def settle(future: asyncio.Future[O], outcome: O | Exception) -> None:
    """Give a caller its outcome; one that has gone away gets none."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
        future.exception()  # a caller that has gone away never asks
    else:
        future.set_result(outcome)
