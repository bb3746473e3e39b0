"""Ids are UUIDv7 of the injected clock, strictly increasing, and the same again from the same seed."""

from __future__ import annotations

import random
import threading
import uuid
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import ManualClock
from chassis.ids import IdSource
from tests.chassis.bench import START


def _source(seed: int = 1) -> tuple[ManualClock, IdSource]:
    clock = ManualClock(START)
    return clock, IdSource(clock, random.Random(seed))


@given(st.integers(), st.lists(st.integers(0, 5), min_size=1, max_size=50))
def test_ids_increase_whether_time_moves_or_not(seed: int, pauses: list[int]) -> None:
    clock, ids = _source(seed)
    made = []
    for milliseconds in pauses:
        clock.advance(timedelta(milliseconds=milliseconds))
        made.append(ids.new())
    assert made == sorted(set(made))


@given(st.integers())
def test_an_id_is_a_uuid_of_version_7_with_the_time_of_the_clock(seed: int) -> None:
    clock, ids = _source(seed)
    for _ in range(3):
        made = uuid.UUID(ids.new())
        assert made.version == 7
        assert made.variant == uuid.RFC_4122
        assert made.int >> 80 == int(clock.now().timestamp() * 1000)
        assert str(made) == str(made).lower()


def test_a_clock_that_goes_back_does_not_take_the_ids_with_it() -> None:
    clock, ids = _source()
    first = ids.new()
    clock.advance(timedelta(hours=-1))
    assert ids.new() > first


def test_the_same_seed_gives_the_same_ids() -> None:
    (_, one), (_, two), (_, other) = _source(5), _source(5), _source(6)
    assert [one.new() for _ in range(3)] == [two.new() for _ in range(3)] != [other.new() for _ in range(3)]


def test_threads_never_share_an_id() -> None:
    ids = IdSource(ManualClock(START))
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend([ids.new() for _ in range(200)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 800
