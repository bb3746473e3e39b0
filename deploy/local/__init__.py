"""The local stack without Docker: start, stop and look at one from a program. `atlas up` is this with words."""

from __future__ import annotations

from deploy.local.errors import StackError
from deploy.local.launcher import StackRequest, start, stop
from deploy.local.ports import DEFAULT_BASE, free_base

__all__ = ["DEFAULT_BASE", "StackError", "StackRequest", "free_base", "start", "stop"]
