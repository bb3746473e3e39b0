"""What `make setup` decides; the installation itself is tried from a fresh clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import setup


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with a Python and no stamps."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(setup, "PYTHON", python)
    return tmp_path


@pytest.mark.parametrize(("installed", "done"), [("run", ["run"]), ("full", ["run", "full"])])
def test_larger_installation_serves_the_smaller_need(venv: Path, installed: str, done: list[str]) -> None:
    setup.stamp(installed).write_text(setup.fingerprint(installed))
    assert [extent for extent in setup.LOCKS if setup.is_done(extent)] == done


def test_changed_lock_is_installed_again(venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.stamp("full").write_text(setup.fingerprint("full"))
    changed = tmp_path / "requirements.lock"
    changed.write_text("other==1\n")
    monkeypatch.setitem(setup.LOCKS, "full", changed)
    assert not setup.is_done("full")


def test_every_installation_is_by_hash_and_from_wheels(venv: Path) -> None:
    steps = dict(setup.steps("run"))
    assert list(steps) == ["installer", "packages", "atlas"]
    assert "--require-hashes" in steps["installer"]
    assert {"--require-hashes", "--only-binary"} <= set(steps["packages"])
    assert "--no-deps" in steps["atlas"]


@pytest.mark.parametrize("arguments", [[], ["all"], ["run", "full"]])
def test_unknown_extent_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.main(arguments) == 2
    assert "next:  make setup" in capsys.readouterr().err


def test_old_python_is_refused_with_a_next_step(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(setup, "OLDEST", (99, 0))
    assert setup.main(["run"]) == 1
    assert "is too old\nnext:  install Python 3.11 or newer" in capsys.readouterr().err
