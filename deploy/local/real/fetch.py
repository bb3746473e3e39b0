"""`atlas fetch-real`: has Maven fetch what the pom pins, checks it, and moves it to its place in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.real.checksums import expected, verify
from deploy.local.real.distribution import KEYCLOAK, POM, Distribution, dist_folder

NO_MAVEN = "install Maven, or set KAFKA_HOME and KEYCLOAK_HOME to unpacked releases"
Teller = Callable[[str], None]


def fetch(wanted: Distribution, tell: Teller) -> Path:
    """Fetch one distribution unless it is there; its folder. StackError without Maven, network, or the right checksums."""
    if wanted.folder.is_dir():
        tell(f"{wanted.name} {wanted.version} is there: {wanted.folder}")
        return wanted.folder
    with _draft(wanted) as draft:
        tell(f"{wanted.name} {wanted.version}: Maven fetches it")
        _run_maven(wanted, draft / "libs")
        files = expected(wanted.name)
        verify(draft / "libs", files)
        tell(f"{wanted.name} {wanted.version}: checksums are right ({len(files)})")
        if wanted is KEYCLOAK:
            _unpack(draft)
        _publish(draft, wanted.folder)
    tell(f"{wanted.name} {wanted.version} is ready: {wanted.folder}")
    return wanted.folder


@contextlib.contextmanager
def _draft(wanted: Distribution) -> Iterator[Path]:
    """A folder beside the place, gone afterwards when it was not moved there."""
    place = dist_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        draft = tempfile.TemporaryDirectory(prefix=f".{wanted.name}-", dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        raise StackError(f"cannot write to {place}: {error.strerror}", "name another folder in ATLAS_DIST") from error
    with draft as name:
        yield Path(name)


def _run_maven(wanted: Distribution, into: Path) -> None:
    """Copy what one profile of the pom depends on; repositories and proxies are those of the machine's own settings."""
    program = shutil.which("mvn")
    if program is None:
        raise StackError("Maven is not installed", NO_MAVEN)
    quiet = ("--batch-mode", "--no-transfer-progress", "--quiet", "-Dstyle.color=never")
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into}")
    command = [program, *quiet, "--file", str(POM), f"--activate-profiles={wanted.name}", *goal]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")] or ["it said nothing"]
        reason = errors[0].removeprefix("[ERROR]").strip()[:300]
        raise StackError(
            f"Maven cannot fetch {wanted.title} {wanted.version}: {reason}", f"look at its settings; or {NO_MAVEN}"
        )


def _unpack(draft: Path) -> None:
    """Put what the one zip holds, below its top folder, in the place of the zip; zipfile drops run bits, so set them."""
    (archive,) = (draft / "libs").iterdir()
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(draft / "unpacked")
    shutil.rmtree(draft / "libs")
    (top,) = (draft / "unpacked").iterdir()
    for path in top.iterdir():
        path.rename(draft / path.name)
    shutil.rmtree(draft / "unpacked")
    for script in (draft / "bin").glob("*.sh"):
        script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _publish(draft: Path, place: Path) -> None:
    """Move the finished folder; somebody who was faster has put the same there."""
    draft.chmod(0o755)
    try:
        os.rename(draft, place)
    except OSError:
        if not place.is_dir():
            raise
