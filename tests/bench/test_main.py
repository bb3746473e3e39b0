"""The command: which goals it runs, and that a run that does not count is not written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import pages
from bench.__main__ import RUNS, VOID, conclude, main
from bench.goals import TARGETS
from tests.bench.runs import a_run


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A documentation folder with a page."""
    (tmp_path / pages.PAGE).write_text(f"{pages.BEGIN}{pages.END}")
    return tmp_path


def _is_written(docs: Path) -> bool:
    return (docs / pages.FOLDER / "bench.json").exists()


def test_a_whole_run_is_written(docs: Path) -> None:
    assert conclude(a_run(), docs) == 0
    assert _is_written(docs)


def test_a_void_run_ends_with_an_error_and_writes_nothing(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(a_run(lost=1), docs) == VOID
    assert not _is_written(docs)
    assert "void: 1 of 1 checks" in capsys.readouterr().err


def test_a_run_with_too_few_pairs_writes_nothing(docs: Path) -> None:
    assert conclude(a_run(pairs=4), docs) == 0
    assert not _is_written(docs)


def test_a_run_of_some_goals_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(a_run(), None) == 0
    assert "not written" in capsys.readouterr().err


def test_an_unknown_goal_is_refused_before_anything_starts() -> None:
    with pytest.raises(SystemExit, match="no goal P99"):
        main(["--only", "P1,P99"])


def test_every_target_belongs_to_a_run() -> None:
    assert {goal.partition(".")[0] for goal in TARGETS} - {"idle"} == set(RUNS)
