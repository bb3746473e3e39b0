"""What a scenario expects against what came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cli.exits import CommandFailed
from cli.waiting import NeverHappened, wait_until

SETTLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation and its outcome; both values are plain JSON."""

    what: str
    expected: Any
    actual: Any

    @property
    def holds(self) -> bool:
        """Whether they are equal."""
        return bool(self.expected == self.actual)


class ScenarioFailed(CommandFailed):
    """Something a scenario has to wait for did not come."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "atlas saga show ORDER_ID shows where it stopped")


def check_soon(what: str, expected: Any, read: Callable[[], Any]) -> Check:
    """Read until it is as expected; after some seconds what there is counts."""
    try:
        actual = wait_until(read, lambda value: bool(value == expected), what=what, seconds=SETTLE_SECONDS)
    except NeverHappened as late:
        actual = late.value
    return Check(what, expected, actual)
