"""What is generated is what `make proto` would generate now, and breaks no frozen promise."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import contract_diff, generate, image


def test_generated_files_are_up_to_date(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    assert generate.differences(image.ROOT, tmp_path) == []


def test_an_edited_missing_or_left_over_file_is_a_difference(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for top, names in ((one, ("same", "edited", "left_over")), (other, ("same", "edited", "missing"))):
        (top / generate.CODE).mkdir(parents=True)
        for name in names:
            (top / generate.CODE / f"{name}.py").write_text(name if name == "same" else str(top), "utf-8")
    assert generate.differences(one, other) == [f"gen/python/{name}.py" for name in ("edited", "left_over", "missing")]


def test_contracts_are_formatted_and_pass_lint() -> None:
    subprocess.run(["buf", "format", "proto", "--diff", "--exit-code"], check=True, cwd=image.ROOT)
    subprocess.run(["buf", "lint"], check=True, cwd=image.ROOT)


@pytest.mark.skipif(not image.BASELINE.exists(), reason="no release has frozen the contracts yet")
def test_the_frozen_contracts_are_kept() -> None:
    subprocess.run(["buf", "breaking", "proto", "--against", str(image.BASELINE)], check=True, cwd=image.ROOT)
    assert contract_diff.breaks(image.load(image.BASELINE), image.build()) == []
