"""The state file: what runs, with pids, ports and addresses; written whole, so that a reader never sees half of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class ComponentState:
    """One row of `atlas status`."""

    name: str
    provider: str
    version: str = ""
    port: int | None = None
    pid: int | None = None
    data_dir: str = ""
    log: str = ""
    limits: str = ""
    health: str = "waiting"
    restarts: int = 0


@dataclass(slots=True)
class StackState:
    """The whole stack as its supervisor sees it."""

    supervisor_pid: int
    port_base: int
    home: str
    phase: str = "starting"
    external: dict[str, str] = field(default_factory=dict)
    components: dict[str, ComponentState] = field(default_factory=dict)
    addresses: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Replace the file in one step; it names passwords, so only its owner reads it."""
        draft = path.with_suffix(".tmp")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
            json.dump(asdict(self), handle, indent=2)
        draft.replace(path)


def read_state(path: Path) -> StackState | None:
    """The state last written, None when there is none or it is not ours."""
    try:
        raw = json.loads(path.read_text())
        components = {name: ComponentState(**row) for name, row in raw.pop("components").items()}
        return StackState(**raw, components=components)
    except (OSError, ValueError, KeyError, TypeError):
        return None
