"""The supervisor: brings the steps of a plan up in parallel where they allow it, keeps them up, takes them down in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from deploy.local.addresses import addresses_of
from deploy.local.component import Component, Job, Step
from deploy.local.errors import StackError
from deploy.local.progress import Progress, Reporter
from deploy.local.site import Site
from deploy.local.state import StackState
from deploy.local.unit import Unit


class Supervisor:
    """Runs one stack from its start to its end."""

    def __init__(self, site: Site, steps: list[Step], reporter: Reporter) -> None:
        self._site = site
        self._steps = steps
        self._reporter = reporter
        self._state = StackState(os.getpid(), site.ports.base, str(site.home.root), external=dict(site.external))
        self._units = {step.name: Unit(step, site, self._save) for step in steps if isinstance(step, Component)}
        self._state.components = {name: unit.row for name, unit in self._units.items()}
        self._done = {step.name: asyncio.Event() for step in steps}
        self._keepers: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> int:
        """Start everything, stay until `stop` is set, stop everything; 0, or 1 when the start failed."""
        began = time.monotonic()
        try:
            await self._start(stop)
            if not stop.is_set():
                self._enter("ready")
                self._reporter.tell(Progress("ready", seconds=time.monotonic() - began))
                await stop.wait()
            return 0
        except StackError as error:
            await self._stop()
            self._reporter.tell(Progress("failed", what=error.what, remedy=error.remedy))
            return 1
        finally:
            await self._stop()

    async def _start(self, stop: asyncio.Event) -> None:
        """Bring every step up; return early when asked to stop, raise the first failure."""
        self._save()
        self._reporter.tell(Progress("planned", total=len(self._steps)))
        tasks = [asyncio.create_task(self._bring_up(step)) for step in self._steps]
        asked = asyncio.create_task(stop.wait())
        waiting: set[asyncio.Task[Any]] = {*tasks, asked}
        try:
            while len(waiting) > 1 and not stop.is_set():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if not stop.is_set():
            self._state.addresses = await asyncio.to_thread(addresses_of, self._site, set(self._units))

    async def _bring_up(self, step: Step) -> None:
        """Wait for what this step needs, do it, say so."""
        for name in step.after:
            await self._done[name].wait()
        began = time.monotonic()
        try:
            detail = await step.run() if isinstance(step, Job) else await self._bring_up_component(step)
        except (OSError, psycopg.Error) as error:
            raise StackError(
                f"{step.name} failed: {str(error).strip().splitlines()[0]}", "atlas doctor looks closer"
            ) from error
        self._done[step.name].set()
        self._reporter.tell(Progress("step", step.name, detail, time.monotonic() - began))

    async def _bring_up_component(self, component: Component) -> str:
        """Start it and watch over it from then on; its version and port."""
        unit = self._units[component.name]
        await unit.start()
        keeper = asyncio.create_task(unit.keep_running(lambda: self._renew(unit.component.name)))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        return f"{unit.row.version} on {component.port}" if component.port else unit.row.version

    async def _renew(self, name: str) -> None:
        """Do the jobs again whose work was lost with a component."""
        for step in self._steps:
            if isinstance(step, Job) and step.renewed_by == name:
                await step.run()

    async def _stop(self) -> None:
        """Stop every component once all that need it are stopped; a second call finds nothing to do."""
        keepers = list(self._keepers)
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        if self._state.phase != "stopped":
            self._enter("stopping")
            await in_reverse(self._steps, self._stop_step)
            self._enter("stopped")

    async def _stop_step(self, name: str) -> None:
        if name in self._units:
            await self._units[name].stop()

    def _enter(self, phase: str) -> None:
        self._state.phase = phase
        self._save()

    def _save(self) -> None:
        self._state.write(self._site.home.state)


async def in_reverse(steps: list[Step], stop: Callable[[str], Awaitable[None]]) -> None:
    """Call `stop` for each step, after it was called for every step that comes after it."""
    gone = {step.name: asyncio.Event() for step in steps}

    async def take_down(step: Step) -> None:
        for other in steps:
            if step.name in other.after:
                await gone[other.name].wait()
        await stop(step.name)
        gone[step.name].set()

    await asyncio.gather(*(take_down(step) for step in steps))


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def stop_with(pid: int, stop: asyncio.Event) -> Callable[[], Any]:
    """Set `stop` when another process ends (Linux only); returns what undoes it."""
    loop = asyncio.get_running_loop()
    if not hasattr(os, "pidfd_open"):
        return lambda: None
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        stop.set()
        return lambda: None
    loop.add_reader(watched, stop.set)

    def undo() -> None:
        loop.remove_reader(watched)
        with contextlib.suppress(OSError):
            os.close(watched)

    return undo
