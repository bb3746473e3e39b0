"""When a payment that was declined for now is tried again by itself (domain.md, Invoice, payment, refund)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

Offsets = tuple[timedelta, ...]
"""When the further attempts of a chain follow, each counted from the first."""

OFFSETS: Offsets = (timedelta(hours=1), timedelta(days=1), timedelta(days=3))


@dataclass(frozen=True, slots=True)
class Dunning:
    """A chain of attempts that follow one another by themselves: when it began, and the place of an attempt in it, from 1."""

    begin_time: datetime
    place: int = 1

    def next_time(self, offsets: Offsets, now: datetime) -> datetime | None:
        """Return when the next attempt follows, which is not in the past; None after the last one."""
        if self.place > len(offsets):
            return None
        return max(now, self.begin_time + offsets[self.place - 1])

    def next(self) -> Dunning:
        """Return the place of the attempt after this one."""
        return replace(self, place=self.place + 1)
