"""What is asked of the payment provider, what he may answer, and when he is asked again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.money import Money

RETRIES = 5
FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(seconds=60)


class Call(StrEnum):
    """What the next call about a payment attempt is."""

    CHARGE = "CHARGE"
    INQUIRE = "INQUIRE"
    CANCEL = "CANCEL"


class Outcome(StrEnum):
    """What a call ended with. The last three say nothing about the money."""

    SUCCEEDED = "SUCCEEDED"
    PENDING = "PENDING"
    DECLINED = "DECLINED"
    CANCELED = "CANCELED"
    NOT_FOUND = "NOT_FOUND"
    UNREACHABLE = "UNREACHABLE"
    TIMED_OUT = "TIMED_OUT"


class DeclineKind(StrEnum):
    """Whether a refused payment may work later."""

    SOFT = "SOFT"
    HARD = "HARD"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered; `amount` is what he says came in or went back."""

    outcome: Outcome
    amount: Money | None = None
    reference: str | None = None
    decline_kind: DeclineKind | None = None


def retry_time(now: datetime, key: str, tries: int) -> datetime:
    """Return when to call again after `tries` calls: exponential, the second half jittered by the key, so repeatable."""
    doubled: timedelta = FIRST_DELAY * (1 << min(tries - 1, 16))
    delay = min(doubled, LONGEST_DELAY) // timedelta(milliseconds=1)
    jitter = int.from_bytes(hashlib.sha256(f"{key}/{tries}".encode()).digest()[:4])
    return now + timedelta(milliseconds=delay // 2 + jitter % (delay // 2 + 1))


def poll_time(now: datetime, polls: int) -> datetime:
    """Return when to ask again about what the provider works on: after 1 s, then twice as long each time."""
    doubled: timedelta = FIRST_DELAY * (1 << min(polls - 1, 16))
    return now + min(doubled, LONGEST_DELAY)
