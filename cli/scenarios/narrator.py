"""Who a scenario tells what happens: a terminal, or nobody."""

from __future__ import annotations

from typing import Any, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.scenarios.check import Check
from cli.timeline import step_line


class Narrator(Protocol):
    """Is told what a scenario does and sees."""

    def begin(self, name: str, summary: str) -> None:
        """A scenario starts."""

    def note(self, text: str) -> None:
        """The scenario did something."""

    def step(self, label: str, step: dict[str, Any]) -> None:
        """An event was seen."""

    def end(self, name: str, checks: list[Check], seconds: float) -> None:
        """The scenario is over."""


class Silence:
    """Tells nobody."""

    def begin(self, name: str, summary: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def step(self, label: str, step: dict[str, Any]) -> None:
        """Say nothing."""

    def end(self, name: str, checks: list[Check], seconds: float) -> None:
        """Say nothing."""


class Terminal:
    """Prints a live timeline, then expected against actual."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, name: str, summary: str) -> None:
        """A heading."""
        self._console.rule(Text.assemble((name, "bold"), f"  {summary}"), align="left")

    def note(self, text: str) -> None:
        """What the scenario does, with an arrow."""
        self._console.print(Text(f"→ {text}", style="bold"), soft_wrap=True)

    def step(self, label: str, step: dict[str, Any]) -> None:
        """One line of the timeline."""
        self._console.print(step_line(step, label), soft_wrap=True, no_wrap=True, overflow="ellipsis", crop=True)

    def end(self, name: str, checks: list[Check], seconds: float) -> None:
        """Expected against actual, and the verdict."""
        table = Table(box=None, pad_edge=False)
        for title in ("", name, "expected", "actual"):
            table.add_column(title, overflow="fold")
        for check in checks:
            mark = Text("ok", style="green") if check.holds else Text("FAIL", style="bold red")
            table.add_row(mark, check.what, Text(_words(check.expected)), Text(_words(check.actual)))
        self._console.print(table)
        good = sum(check.holds for check in checks)
        color = "green" if good == len(checks) else "red"
        self._console.print(Text(f"{name}: {good} of {len(checks)} as expected, {seconds:.1f} s", style=color))


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
    return str(value)
