"""The one refusal of the local stack: what is wrong, and what to do about it."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot start or go on; `what` and `remedy` are each one line for a person."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
