"""Generates everything that comes from `proto/`: Python code, OpenAPI, AsyncAPI, and the pages of docs/ that list contracts.

`python -m tools.generate` writes it into the repository; with `--check` it writes into a temporary folder, compares, and
exits 1 naming each file that differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.image import ROOT

CODE = Path("gen", "python")
DOCUMENTS = {  # each module is run as `python -m MODULE OUT`, with the new code on the path; OUT is a file or a folder of pages
    "tools.openapi": Path("gen", "openapi", "atlas.v1.json"),
    "tools.asyncapi": Path("gen", "asyncapi", "atlas.v1.json"),
    "tools.event_catalog": Path("docs", "events", "catalog.md"),
    "tools.rbac": Path("docs", "rbac.md"),
    "tools.grpc_cheatsheet": Path("docs", "grpc-cheatsheet.md"),
    "tools.problem_pages": Path("docs", "problems"),
}


def generate(target: Path) -> None:
    """Write code and documents under `target`, in the places they have in the repository."""
    _run("buf", "generate", "-o", str(target))
    for stub in (target / CODE).rglob("*_pb2_grpc.pyi"):
        if not stub.with_suffix(".py").exists():
            stub.unlink()  # protoc-gen-mypy_grpc writes one for files without a service, too
    for module, place in DOCUMENTS.items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        _run(sys.executable, "-m", module, str(target / place), PYTHONPATH=str(target / CODE))


def differences(one: Path, other: Path) -> list[str]:
    """Return the generated files that are not the same in both places."""
    names = {path.relative_to(top) for top in (one, other) for path in _generated(top)}
    return sorted(str(name) for name in names if _content(one / name) != _content(other / name))


def _generated(top: Path) -> list[Path]:
    code = [path for path in (top / CODE).rglob("*.py*") if path.suffix != ".pyc"]
    pages = [page for place in DOCUMENTS.values() for page in (top / place).glob("*.md")]
    return code + pages + [top / place for place in DOCUMENTS.values() if place.suffix]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _run(*command: str, **environment: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | environment)


def main() -> int:
    """Generate; with --check only compare."""
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        generate(fresh)
        found = differences(ROOT, fresh)
        if "--check" in sys.argv[1:]:
            print("\n".join(f"{name} is not what make proto generates" for name in found) or "generated files are up to date")
            return 1 if found else 0
        for name in found:
            _install(fresh / name, ROOT / name)
        return 0


def _install(source: Path, target: Path) -> None:
    if not source.exists():
        target.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main())
