"""The two kinds of steps a stack is made of: components that run, and jobs that run once in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import Launch

Probe = Callable[[], Awaitable[str]]
"""Speaks the component's own protocol; returns its version, raises while it is not ready."""


async def nothing_to_prepare() -> None:
    """For components that need no preparation."""


@dataclass(frozen=True, slots=True)
class Component:
    """A server of the stack: how to start it (None: somebody else does), when it is ready, what it cannot do."""

    name: str
    provider: str
    port: int | None
    probe: Probe
    launch: Callable[[], Launch] | None
    after: tuple[str, ...] = ()
    prepare: Callable[[], Awaitable[None]] = nothing_to_prepare
    data_dir: Path | None = None
    limits: str = ""
    remedy: str = ""
    claims: tuple[int, ...] = ()
    """Ports it listens on beside `port`."""
    start_seconds: float = 60.0
    """How long it may take until its probe answers."""


def external(name: str, probe: Probe, variable: str) -> Component:
    """A server that already runs, named by a variable of the environment."""
    limits = "runs elsewhere, never started or stopped here"
    return Component(name, "external", None, probe, None, limits=limits, remedy=f"check {variable}")


@dataclass(frozen=True, slots=True)
class Job:
    """Work done once the steps before it stand; `run` returns what to show. Done again when `renewed_by` restarts."""

    name: str
    after: tuple[str, ...]
    run: Callable[[], Awaitable[str]]
    renewed_by: str = ""


Step = Component | Job
