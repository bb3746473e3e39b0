"""Clocks tell UTC in whole milliseconds, and the sandbox clock never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import ManualClock, SandboxClock, to_milliseconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_cut_to_milliseconds_and_never_rounded_up(moment: datetime) -> None:
    cut = to_milliseconds(moment)
    assert cut.microsecond % 1000 == 0
    assert timedelta() <= moment - cut < timedelta(milliseconds=1)


def test_the_sandbox_clock_runs_ahead_by_its_offset() -> None:
    clock = SandboxClock(timedelta(days=3))
    ahead = clock.now() - datetime.now(UTC)
    assert timedelta(days=3, seconds=-1) < ahead <= timedelta(days=3)
    assert clock.now().tzinfo is UTC


@given(st.lists(st.integers(0, 10**6), max_size=10))
def test_the_offset_only_grows(offsets: list[int]) -> None:
    clock = SandboxClock()
    for seconds in offsets:
        clock.move_to(timedelta(seconds=seconds))
    assert clock.offset == timedelta(seconds=max(offsets, default=0))


def test_a_manual_clock_moves_when_it_is_told_to() -> None:
    clock = ManualClock(datetime(2026, 1, 5, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 1, 5, 1, tzinfo=UTC)
