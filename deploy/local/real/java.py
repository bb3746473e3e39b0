"""The installed Java: what Kafka and Keycloak run on."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from deploy.local.errors import StackError

OLDEST = 17
INSTALL = f"install Java {OLDEST} or newer, or set JAVA_HOME to one"


def find_java() -> Path:
    """The java program of JAVA_HOME, else of the PATH; StackError when there is none or it is too old."""
    given = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(given, "bin")) if given else None)
    if found is None:
        raise StackError(f"no Java in {given}" if given else "Java is not installed", INSTALL)
    if (major := _major(found)) < OLDEST:
        raise StackError(f"{found} is Java {major}, too old", INSTALL)
    return Path(found)


@functools.cache
def _major(program: str) -> int:
    """The major version a java program says it is; 0 when it says nothing that can be read."""
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0
