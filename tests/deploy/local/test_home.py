"""A home has one supervisor and keeps its passwords to itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.home import Home


def test_a_second_lock_is_refused_until_the_first_is_given_back(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = home.lock()
    assert first is not None
    with first:
        assert home.lock() is None
        assert home.supervisor_pid() == os.getpid()
    assert home.supervisor_pid() is None
    second = home.lock()
    assert second is not None
    second.close()


def test_passwords_are_random_stable_and_private(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = home.passwords(["one", "two"])
    assert made["one"] != made["two"]
    assert home.passwords(["two", "three"])["two"] == made["two"]
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600


def test_a_place_that_is_a_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError) as refusal:
        Home(tmp_path / "file").make()
    assert "--home" in refusal.value.remedy
