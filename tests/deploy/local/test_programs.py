"""Installed servers are found where they are, and only in versions that Atlas runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import programs
from deploy.local.errors import StackError


def _server(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_postgres_is_found_on_the_path_by_major_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, old = _server(tmp_path / "good", "17.2 (Debian 17.2-1)"), _server(tmp_path / "old", "13.9")
    monkeypatch.setenv("PATH", f"{good}:{old}:/usr/bin:/bin")
    found = programs.installed_postgres()
    assert found[17] == good
    assert set(found) <= set(programs.POSTGRES_MAJORS)


def test_a_machine_without_redis_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "REDIS_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="neither redis-server nor valkey-server") as refusal:
        programs.installed_redis()
    assert "install" in refusal.value.remedy
