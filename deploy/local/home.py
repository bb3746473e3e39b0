"""Where a stack keeps everything it writes: one folder, and the lock that makes its supervisor the only one."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.local.errors import StackError


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one stack."""

    root: Path

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.root / "logs"

    @property
    def data(self) -> Path:
        """One folder for each provider and major version."""
        return self.root / "data"

    @property
    def state(self) -> Path:
        """What runs now, with pids and ports."""
        return self.root / "state.json"

    def make(self) -> None:
        """Create the folders; refuse a place that cannot be written."""
        try:
            for folder in (self.root, self.logs, self.data):
                folder.mkdir(parents=True, exist_ok=True)
            (self.root / ".gitignore").write_text("*\n")
        except OSError as error:
            raise StackError(f"cannot write to {self.root}: {error.strerror}", "choose another folder with --home") from error

    def lock(self) -> IO[str] | None:
        """Take the stack's lock for as long as the file stays open; None when another supervisor has it."""
        handle = (self.root / "lock").open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            return None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        return handle

    def supervisor_pid(self) -> int | None:
        """The pid of the supervisor that holds the lock, None when none runs."""
        path = self.root / "lock"
        if not path.is_file():
            return None
        with path.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = handle.read().strip()
                return int(text) if text.isdigit() else None
        return None

    def passwords(self, names: Sequence[str]) -> dict[str, str]:
        """A password for each name, made once for this home and readable by its owner only."""
        path = self.root / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
        if missing := [name for name in names if name not in known]:
            known |= {name: secrets.token_hex(16) for name in missing}
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
                json.dump(known, handle)
        return known
