"""What was fetched is what was meant: the SHA-256 of every file, as checksums.txt in this folder says."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deploy.local.errors import StackError

FILE = Path(__file__).parent / "checksums.txt"


def expected(profile: str) -> dict[str, str]:
    """File name to SHA-256 for one profile of the pom."""
    lines = (line.split() for line in FILE.read_text().splitlines() if line and not line.startswith("#"))
    return {name.partition("/")[2]: digest for digest, name in lines if name.startswith(f"{profile}/")}


def verify(folder: Path, wanted: dict[str, str]) -> None:
    """StackError when a folder lacks one of these files, has another, or one of them differs."""
    found = {path.name: path for path in folder.iterdir()}
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise _refusal(f"{name} was not fetched")
        if name not in wanted:
            raise _refusal(f"{name} was fetched, but {FILE.name} does not know it")
        with found[name].open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        if digest != wanted[name]:
            raise _refusal(f"{name} has the SHA-256 {digest}, not {wanted[name]}")


def _refusal(what: str) -> StackError:
    return StackError(what, "nothing was installed; look at the repository that Maven is set to, then try again")
