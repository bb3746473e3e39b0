"""Brings a stack up with a line for each step; finds out when there is nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from cli.exits import CommandFailed
from deploy.local.choices import parse_choices, real_choices
from deploy.local.home import Home
from deploy.local.inspection import inspect
from deploy.local.launcher import StackRequest, running, start
from deploy.local.plan import NAMES
from deploy.local.progress import Progress
from deploy.local.real.availability import CHECKS
from deploy.local.state import StackState

RESTART = "atlas down, then atlas up"


def bring_up(request: StackRequest, console: Console) -> dict[str, Any]:
    """Start the stack, or say that it runs already; its addresses."""
    if (state := running(request.home)) is not None:
        return _already_running(request, state, console)
    with console.status("starting"):
        return start(request, StepLines(console).show)


def choose(words: Sequence[str], console: Console, *, real: bool) -> Mapping[str, str]:
    """The providers asked for; says what is embedded because its real one is not there."""
    chosen = parse_choices(words)
    if not real:
        return chosen
    choices = real_choices(chosen, CHECKS)
    for part, reason in choices.fallbacks.items():
        console.print(f"{part} is embedded: {reason.what}; {reason.remedy}", markup=False, soft_wrap=True)
    return choices.providers


class StepLines:
    """Numbers the steps as they are done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done = 0
        self._total = 0

    def show(self, progress: Progress) -> None:
        """Print what is worth a line."""
        if progress.event == "planned":
            self._total = progress.total
        elif progress.event == "step":
            self._done += 1
            self._line(f"{self._done:>2}/{self._total} {progress.name:<14} {progress.detail:<28} {progress.seconds:>5.1f} s")
        elif progress.event == "ready":
            self._line(f"ready in {progress.seconds:.1f} s")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def _already_running(request: StackRequest, state: StackState, console: Console) -> dict[str, Any]:
    """The addresses of the stack that runs; refuse when it is not the healthy one that was asked for."""
    if state.phase != "ready":
        raise CommandFailed(f"a stack in {state.home} is {state.phase}", "wait a moment, then atlas status")
    if missing := sorted(set(request.only or NAMES) - set(state.components)):
        raise CommandFailed(f"the stack in {state.home} runs without {', '.join(missing)}", RESTART)
    for part, provider in request.providers.items():
        if part in state.components and (runs := state.components[part].provider) != provider:
            raise CommandFailed(f"the stack in {state.home} runs with {part} {runs}, not {provider}", RESTART)
    if ill := [row.name for row in inspect(Home(request.home), state) if row.health != "ready"]:
        raise CommandFailed(f"the stack in {state.home} runs, but {', '.join(ill)} is not ready", f"atlas status; {RESTART}")
    console.print(f"already running: {len(state.components)} components ready in {state.home}", soft_wrap=True)
    if other := [f"{row.name} {row.provider}" for row in state.components.values() if row.provider in ("real", "external")]:
        console.print(f"of these: {', '.join(other)}", soft_wrap=True)
    return state.addresses
