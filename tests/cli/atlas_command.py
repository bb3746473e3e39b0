"""Runs `atlas` as a person does: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 120.0


def atlas(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command against the stack in `home`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    if home is not None:
        environment["ATLAS_HOME"] = str(home)
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)


def atlas_json(*arguments: str, home: Path) -> Any:
    """Run one command with --json; what it printed. AssertionError when it fails."""
    done = atlas(*arguments, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
