"""Delivers webhooks in the background, each message by itself, until its receiver has it, refuses it, or a day is over.

A try that was made but not recorded when the process ends is made again: at least once, under the same id.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

import httpx2
import structlog

from deploy.sandbox_psp.messages import Message
from deploy.sandbox_psp.outbox import Attempt
from deploy.sandbox_psp.signatures import Signer
from deploy.sandbox_psp.store import Store

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 64
POLL_SECONDS = 0.1


class Deliverer:
    """The worker. `now` gives seconds since the epoch; a receiver that answers nothing for `timeout` seconds has failed."""

    def __init__(self, store: Store, url: str, signer: Signer, now: Callable[[], float], *, timeout: float = 10.0) -> None:
        self._store = store
        self._url = url
        self._signer = signer
        self._now = now
        self._timeout = timeout
        self._in_flight: set[int] = set()
        self._attempts: list[Attempt] = []
        self._changes = -1
        self._next_time = 0.0

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with httpx2.AsyncClient(timeout=self._timeout, trust_env=False) as client, asyncio.TaskGroup() as sends:
            while True:
                try:
                    for message in await self._due():
                        sends.create_task(self._send(client, message))
                except sqlite3.Error as error:  # a full disk, say: what was tried is recorded once it can be
                    log.error("webhooks wait", error_class=type(error).__name__)
                await asyncio.sleep(POLL_SECONDS)

    async def _due(self) -> list[Message]:
        """Record what was tried; return what is to be tried now, and hold it until that is recorded too."""
        attempts, changes, now = tuple(self._attempts), self._store.changes, self._now()
        if not attempts and changes == self._changes and now < self._next_time:
            return []
        due, self._next_time = await asyncio.to_thread(self._store.exchange, attempts, now=now, limit=2 * MOST_AT_ONCE)
        self._changes = changes
        del self._attempts[: len(attempts)]
        self._in_flight -= {attempt.number for attempt in attempts}
        free = MOST_AT_ONCE - len(self._in_flight)
        begun = [message for message in due if message.number not in self._in_flight][:free]
        self._in_flight |= {message.number for message in begun}
        return begun

    async def _send(self, client: httpx2.AsyncClient, message: Message) -> None:
        status = None
        headers = self._signer.headers(message.message_id, message.body, self._now())
        try:
            async with asyncio.timeout(self._timeout):
                response = await client.post(self._url, content=message.body, headers=headers)
                status = response.status_code
        except (httpx2.HTTPError, TimeoutError) as error:
            log.info("webhook not delivered", id=message.message_id, error_class=type(error).__name__)
        else:
            log.info("webhook answered", id=message.message_id, type=message.type, status=status)
        self._attempts.append(Attempt(message.number, status))
