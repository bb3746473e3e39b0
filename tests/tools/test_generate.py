"""The comparison of what is generated with what is there: what differs, is missing or is left over is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.generate import differences

PAGES = Path("docs", "problems")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same generated files, and one that nobody generates."""
    found = tmp_path / "repository", tmp_path / "fresh"
    for top in found:
        for name in ("docs/rbac.md", "docs/problems/NOT_FOUND.md", "gen/asyncapi/atlas.v1.json"):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text("generated")
    (found[0] / "docs" / "OPERATIONS.md").write_text("by hand")
    return found


def test_the_same_files_do_not_differ(places: tuple[Path, Path]) -> None:
    assert differences(*places) == []


def test_a_changed_a_missing_and_a_left_over_file_are_named(places: tuple[Path, Path]) -> None:
    repository, fresh = places
    (repository / "gen" / "asyncapi" / "atlas.v1.json").write_text("changed by hand")
    (repository / "docs" / "rbac.md").unlink()
    (repository / PAGES / "GONE.md").write_text("of a reason that is gone")
    assert differences(repository, fresh) == ["docs/problems/GONE.md", "docs/rbac.md", "gen/asyncapi/atlas.v1.json"]
