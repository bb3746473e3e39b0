"""Time as an argument. The sandbox clock runs ahead of real time by an offset that only grows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


def to_milliseconds(moment: datetime) -> datetime:
    """Cut a moment to whole milliseconds, the resolution of every time we publish."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds."""
        ...


class SandboxClock:
    """Real time plus an offset; the offset is zero outside the dev profile."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """Return real time plus the offset."""
        return to_milliseconds(datetime.now(UTC) + self.offset)

    def move_to(self, offset: timedelta) -> None:
        """Set the offset; it never goes back, so a smaller one changes nothing."""
        self.offset = max(self.offset, offset)


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        self._now = to_milliseconds(start)

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move it forward."""
        self._now += by
