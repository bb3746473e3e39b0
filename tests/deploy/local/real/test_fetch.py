"""What Maven brings is checked and put into its place in one step; what fails leaves nothing there."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.real import checksums
from deploy.local.real.checksums import expected
from deploy.local.real.distribution import DISTRIBUTIONS, KAFKA, KEYCLOAK, dist_folder
from deploy.local.real.fetch import fetch

FILES = {"a.jar": b"first", "kafka_2.13-4.3.1.jar": b"second"}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_DIST", str(tmp_path / "dist"))


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes], str], Path]:
    """Puts a mvn on the PATH that brings these files, after it has noted that it was called; returns the note."""

    def make(files: dict[str, bytes], ending: str = "exit 0") -> Path:
        source, calls = tmp_path / "source", tmp_path / "calls"
        source.mkdir()
        calls.touch()
        for name, content in files.items():
            (source / name).write_bytes(content)
        program = tmp_path / "bin" / "mvn"
        program.parent.mkdir()
        script = (
            f'echo "$@" >> {calls}\nfor a in "$@"; do case $a in -DoutputDirectory=*) cp -r {source} "${{a#*=}}";; esac; done\n'
        )
        program.write_text(f"#!/bin/sh\n{script}{ending}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        return calls

    return make


def _know(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, files: dict[str, bytes]) -> None:
    """Make the checksums those of these files."""
    lines = (f"{hashlib.sha256(content).hexdigest()}  {profile}/{name}\n" for name, content in files.items())
    (tmp_path / "checksums.txt").write_text("# a comment\n" + "".join(lines))
    monkeypatch.setattr(checksums, "FILE", tmp_path / "checksums.txt")


def _zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("keycloak-26.7.3/bin/kc.sh", "#!/bin/sh\n")
        archive.writestr("keycloak-26.7.3/lib/some.jar", "jar")
    return {"keycloak.zip": path.read_bytes()}


def test_what_is_fetched_is_in_its_place_and_not_fetched_again(
    maven: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, said = maven(FILES), list[str]()
    _know(monkeypatch, tmp_path, "kafka", FILES)
    assert fetch(KAFKA, said.append) == KAFKA.folder
    assert {path.name for path in (KAFKA.folder / "libs").iterdir()} == set(FILES)
    assert fetch(KAFKA, said.append) == KAFKA.folder
    assert len(calls.read_text().splitlines()) == 1
    assert "--activate-profiles=kafka" in calls.read_text()
    assert "is there" in said[-1]


def test_the_zip_is_unpacked_below_its_top_folder_with_run_bits(
    maven: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _zip(tmp_path / "keycloak.zip")
    maven(files)
    _know(monkeypatch, tmp_path, "keycloak", files)
    folder = fetch(KEYCLOAK, lambda line: None)
    assert sorted(path.name for path in folder.iterdir()) == ["bin", "lib"]
    assert stat.S_IMODE((folder / "bin" / "kc.sh").stat().st_mode) & 0o111 == 0o111


@pytest.mark.parametrize(
    ("brought", "complaint"),
    [
        ({**FILES, "a.jar": b"other"}, "a.jar has the SHA-256"),
        ({"a.jar": b"first"}, "kafka_2.13-4.3.1.jar was not fetched"),
        ({**FILES, "more.jar": b""}, "more.jar was fetched, but checksums.txt does not know it"),
    ],
)
def test_what_is_not_exactly_what_was_meant_is_refused_and_leaves_nothing(
    maven: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brought: dict[str, bytes], complaint: str
) -> None:
    maven(brought)
    _know(monkeypatch, tmp_path, "kafka", FILES)
    with pytest.raises(StackError, match=complaint):
        fetch(KAFKA, lambda line: None)
    assert list(dist_folder().iterdir()) == []


def test_mavens_own_reason_is_told(maven: Callable[..., Path]) -> None:
    maven(FILES, "echo '[ERROR] no route to the repository'; exit 1")
    with pytest.raises(StackError, match="no route to the repository"):
        fetch(KAFKA, lambda line: None)
    assert list(dist_folder().iterdir()) == []


def test_without_maven_the_two_other_ways_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="Maven is not installed") as refusal:
        fetch(KAFKA, lambda line: None)
    assert {"KAFKA_HOME", "KEYCLOAK_HOME"} <= set(re.findall(r"\w+", refusal.value.remedy))


def test_every_fetched_file_has_a_checksum() -> None:
    counts = {name: len(expected(name)) for name in DISTRIBUTIONS}
    assert counts == {"kafka": 46, "keycloak": 1}
    assert f"kafka_2.13-{KAFKA.version}.jar" in expected("kafka")
    assert f"keycloak-quarkus-dist-{KEYCLOAK.version}.zip" in expected("keycloak")
