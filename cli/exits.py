"""How a command ends: stable exit codes, and the one exception that carries what went wrong and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INVARIANT_BROKEN = 4


class CommandFailed(Exception):
    """Ends a command with one line for what and one for the next step, without a stack trace."""

    def __init__(self, what: str, remedy: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.code = code
