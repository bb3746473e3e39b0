"""What the supervisor writes can be read back, and nothing else can."""

from __future__ import annotations

from pathlib import Path

from deploy.local.progress import Progress, decode
from deploy.local.state import ComponentState, StackState, read_state


def test_a_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    state = StackState(1, 8080, str(tmp_path), components={"redis": ComponentState("redis", "embedded", port=8141)})
    state.write(tmp_path / "state.json")
    assert read_state(tmp_path / "state.json") == state


def test_a_broken_state_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"components": {}, "half": ')
    assert read_state(tmp_path / "state.json") is None
    (tmp_path / "state.json").write_text('{"components": {}, "unknown": 1}')
    assert read_state(tmp_path / "state.json") is None


def test_progress_survives_the_pipe() -> None:
    progress = Progress("failed", what="port 8080 is in use", remedy="choose another")
    assert decode(progress.encode()) == progress
