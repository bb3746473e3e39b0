"""The deciders of commands. Nothing in billing is commanded yet: everything follows from events."""

from __future__ import annotations

from typing import Any

from chassis.handling import Command

COMMANDS: tuple[Command[Any], ...] = ()
