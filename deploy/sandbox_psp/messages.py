"""A webhook message on its way: how often it was tried, when it is tried again, and what state follows from that."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 30.0
GIVE_UP_SECONDS: Final = 24 * 3600.0
PASSING: Final = frozenset({408, 409, 429})
"""Refusals that may pass: timeout, conflict, too many requests."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `wanted` deliveries are to be made since `begin_time`; `next_try_time` is None when no more is done.

    `failures` counts the tries that failed in a row, `status` is the HTTP status of the last one, None without an answer.
    """

    number: int
    message_id: str
    type: str
    body: str
    wanted: int
    delivered: int
    tries: int
    failures: int
    status: int | None
    begin_time: float
    next_try_time: float | None

    @property
    def state(self) -> str:
        """WAITING, DELIVERED, REFUSED for good by its receiver, or GIVEN_UP after a day."""
        if self.next_try_time is not None:
            return "WAITING"
        if self.delivered >= self.wanted:
            return "DELIVERED"
        return "REFUSED" if _is_final(self.status) else "GIVEN_UP"

    def after(self, status: int | None, now: float) -> Message:
        """Return it after one more try that ended now with `status`, None when nobody answered."""
        tried = replace(self, tries=self.tries + 1, status=status)
        if status is not None and 200 <= status < 300:
            delivered = self.delivered + 1
            again = now if delivered < self.wanted else None
            return replace(tried, delivered=delivered, failures=0, next_try_time=again)
        if _is_final(status):
            return replace(tried, next_try_time=None)
        due = now + min(FIRST_DELAY_SECONDS * 2 ** min(self.failures, 16), LONGEST_DELAY_SECONDS)
        again = due if due <= self.begin_time + GIVE_UP_SECONDS else None
        return replace(tried, failures=self.failures + 1, next_try_time=again)

    def resent(self, now: float) -> Message:
        """Return it due now: for one more delivery where it is at rest, for the one it waits for otherwise."""
        wanted = self.wanted if self.state == "WAITING" else self.delivered + 1
        return replace(self, wanted=wanted, failures=0, begin_time=now, next_try_time=now)


def _is_final(status: int | None) -> bool:
    return status is not None and 400 <= status < 500 and status not in PASSING


def body_of(kind: str, data: dict[str, Any], now: float) -> str:
    """Write the body of a message about what happens at `now`."""
    return json.dumps({"type": kind, "timestamp": time_text(now), "data": data}, separators=(",", ":"))


def time_text(seconds: float) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
