"""A distribution is what its variable names, else what was fetched; anything else is refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.real.distribution import DISTRIBUTIONS, KAFKA, KEYCLOAK, Distribution, kafka_version

MARKS = {"kafka": "libs/kafka_2.13-4.9.9.jar", "keycloak": "bin/kc.sh"}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_DIST", str(tmp_path / "dist"))
    for each in DISTRIBUTIONS.values():
        monkeypatch.delenv(each.variable, raising=False)


def _unpacked(folder: Path, wanted: Distribution) -> Path:
    mark = folder / MARKS[wanted.name]
    mark.parent.mkdir(parents=True)
    mark.touch()
    return folder


def test_the_pom_pins_both() -> None:
    assert (KAFKA.version, KEYCLOAK.version) == ("4.3.1", "26.7.3")


@pytest.mark.parametrize("wanted", DISTRIBUTIONS.values(), ids=lambda each: each.name)
def test_without_one_the_refusal_says_how_to_get_it(wanted: Distribution) -> None:
    with pytest.raises(StackError, match=f"{wanted.title} {wanted.version} is not there") as refusal:
        wanted.find()
    assert "atlas fetch-real" in refusal.value.remedy
    assert wanted.variable in refusal.value.remedy


@pytest.mark.parametrize("wanted", DISTRIBUTIONS.values(), ids=lambda each: each.name)
def test_what_the_variable_names_wins_over_what_was_fetched(
    wanted: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _unpacked(wanted.folder, wanted)
    assert wanted.find() == wanted.folder
    own = _unpacked(tmp_path / "own", wanted)
    monkeypatch.setenv(wanted.variable, str(own))
    assert wanted.find() == own


@pytest.mark.parametrize("wanted", DISTRIBUTIONS.values(), ids=lambda each: each.name)
def test_a_variable_that_names_something_else_is_refused(
    wanted: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wanted.variable, str(tmp_path))
    with pytest.raises(StackError, match=f"{wanted.variable} names .* no unpacked {wanted.title}"):
        wanted.find()


def test_the_release_of_kafka_is_read_from_its_jar(tmp_path: Path) -> None:
    assert kafka_version(_unpacked(tmp_path, KAFKA)) == "4.9.9"
