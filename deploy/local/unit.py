"""One component under supervision: started, waited for, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from deploy.local.component import Component
from deploy.local.errors import StackError
from deploy.local.process import Process, spawn
from deploy.local.site import ROOT, Site
from deploy.local.state import ComponentState

EXTERNAL_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.04
LONGEST_PAUSE_SECONDS = 0.25
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 30.0


class Unit:
    """Keeps one component running. `changed` is called whenever its row of the state is another."""

    def __init__(self, component: Component, site: Site, changed: Callable[[], None]) -> None:
        self.component = component
        self.log = site.home.logs / f"{component.name}.log"
        self.row = ComponentState(component.name, component.provider, port=component.port, limits=component.limits)
        self.row.data_dir = str(component.data_dir or "")
        self.row.log = str(self.log) if component.launch else ""
        self._changed = changed
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until its probe answers."""
        await self.component.prepare()
        if self.component.launch is not None:
            self._process = await spawn(self.component.launch(), self.log, ROOT)
            self.row.pid = self._process.pid
        self._show("starting")
        self.row.version = await self._until_ready()
        self._show("ready")

    async def _until_ready(self) -> str:
        """Probe until it answers; StackError when it ends first or takes too long."""
        deadline = time.monotonic() + (self.component.start_seconds if self.component.launch else EXTERNAL_SECONDS)
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self.component.probe()
            except Exception as error:
                self._refuse_when_ended()
                if time.monotonic() > deadline:
                    raise self._failure(f"is not ready ({_said(error)})") from error
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, LONGEST_PAUSE_SECONDS)

    def _refuse_when_ended(self) -> None:
        if self._process is not None and self._process.exit_code is not None:
            raise self._failure(f"ended with exit code {self._process.exit_code} ({self._process.last_words()})")

    def _failure(self, what: str) -> StackError:
        return StackError(f"{self.component.name} {what}", self.component.remedy or f"read {self.log}")

    async def keep_running(self, renewed: Callable[[], Awaitable[None]]) -> None:
        """Start it again whenever it ends, later each time; `renewed` then does the jobs that hang on it."""
        backoff = FIRST_BACKOFF_SECONDS
        while self._process is not None:
            started = time.monotonic()
            code = await self._process.wait()
            backoff = FIRST_BACKOFF_SECONDS if time.monotonic() - started > STEADY_SECONDS else backoff
            self.row.pid, self.row.restarts = None, self.row.restarts + 1
            self._show(f"ended with exit code {code}")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            await self._start_again(renewed)

    async def _start_again(self, renewed: Callable[[], Awaitable[None]]) -> None:
        """Start it; what does not become ready is ended, so that the next round starts it anew."""
        try:
            await self.start()
            await renewed()
        except (StackError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
            if self._process is not None:
                await self._process.stop()

    async def stop(self) -> None:
        """Stop its process, if it has one."""
        if self._process is not None:
            await self._process.stop()
        self.row.pid = None
        self._show("stopped")

    def _show(self, health: str) -> None:
        self.row.health = health
        self._changed()


def _said(error: Exception) -> str:
    """The first line of what an exception says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
