"""Java is found where JAVA_HOME or the PATH has it, and one that is too old is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.real.java import find_java


@pytest.mark.parametrize(("version", "good"), [("1.8.0_412", False), ("11.0.24", False), ("17.0.15", True), ("25", True)])
def test_java_is_as_old_as_it_says(version: str, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if good:
        assert find_java() == program
        return
    with pytest.raises(StackError, match="too old"):
        find_java()


def test_a_machine_without_java_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="Java is not installed"):
        find_java()
