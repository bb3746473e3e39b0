"""Waiting for something to become true, with a deadline and without sleeping longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from cli.exits import CommandFailed

Value = TypeVar("Value")
SECONDS = 20.0
PAUSE_SECONDS = 0.05


class NeverHappened(CommandFailed):
    """The deadline passed; `value` is what was read last."""

    def __init__(self, what: str, seconds: float, value: Any) -> None:
        super().__init__(f"{what} did not come within {seconds:.0f} s", "see what waits: atlas parked list")
        self.value = value


def wait_until(read: Callable[[], Value], holds: Callable[[Value], bool], *, what: str, seconds: float = SECONDS) -> Value:
    """Read again and again until it holds; the value that does. Raises NeverHappened."""
    deadline = time.monotonic() + seconds
    while not holds(value := read()):
        if time.monotonic() > deadline:
            never = NeverHappened(what, seconds, value)
            never.add_note(f"read last: {value!r:.500}")
            raise never
        time.sleep(PAUSE_SECONDS)
    return value
