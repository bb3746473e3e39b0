"""What the supervisor tells the command that started it, one JSON object a line, until the stack is ready or has failed."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from typing import IO


@dataclass(frozen=True, slots=True)
class Progress:
    """One line. `event` is began, planned (total), step (name, detail), ready or failed (what, remedy)."""

    event: str
    name: str = ""
    detail: str = ""
    seconds: float = 0.0
    what: str = ""
    remedy: str = ""
    pid: int = 0
    total: int = 0

    def encode(self) -> str:
        """The line, with its end."""
        return json.dumps(asdict(self)) + "\n"


def decode(line: str) -> Progress:
    """Read a line back."""
    return Progress(**json.loads(line))


class Reporter:
    """Writes progress to a pipe; goes on in silence when nobody reads it any more."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe

    def tell(self, progress: Progress) -> None:
        """Send one line, with our pid."""
        with contextlib.suppress(OSError, ValueError):
            self._pipe.write(replace(progress, pid=os.getpid()).encode())
            self._pipe.flush()
