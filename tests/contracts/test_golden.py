"""Today's code reads every event that any release has put on Kafka, and reads the same in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.contracts import EventType
from tests.contracts import schema
from tests.contracts.golden_builder import GOLDEN, RELEASE, build, render

FILES = sorted(GOLDEN.glob("*/*.binpb"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_old_event_is_read_as_it_was_meant(path: Path) -> None:
    event = schema.EVENTS.by_name[path.parent.name]
    envelope = event.envelope.FromString(path.read_bytes())
    assert envelope.WhichOneof("payload") == event.arm
    assert render(envelope) == path.with_suffix(".json").read_text("utf-8")


def test_every_event_type_has_a_golden_file() -> None:
    missing = {event.name for event in schema.EVENTS.types} - {path.parent.name for path in FILES}
    assert missing == set(), "run python -m tests.contracts.golden_builder"


def test_no_golden_file_lacks_its_other_half() -> None:
    assert {path.with_suffix(".json") for path in FILES} == set(GOLDEN.glob("*/*.json"))


@pytest.mark.parametrize("event", schema.EVENTS.types, ids=lambda event: event.name)
def test_the_builder_is_deterministic(event: EventType) -> None:
    assert build(event).SerializeToString(deterministic=True) == build(event).SerializeToString(deterministic=True)


def test_this_release_is_among_the_golden_files() -> None:
    assert RELEASE in {path.stem for path in FILES}
