"""The source as the architecture tests read it: files, their trees, their functions."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("order_svc", "inventory_svc", "billing_svc", "workflow_svc", "reporting_svc")
PACKAGES = ("chassis", "gateway", *SERVICES, "cli", "deploy", "tools", "bench")


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: its path from the root, its text and its tree."""

    path: Path
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return str(self.path)


@functools.cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Read every Python file below some folders; migrations are records of the past, and left out."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    found = []
    for file in files:
        path = file.relative_to(ROOT)
        if "migrations" not in path.parts:
            text = file.read_text(encoding="utf-8")
            found.append(Source(path, text, ast.parse(text)))
    return tuple(found)


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Walk all functions of a file, nested ones too."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(source: Source) -> set[str]:
    """Name every module that a file imports, as it is written: `from a import b` is both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    """Walk all calls of a file with the dotted name that is called, such as `time.sleep`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node
