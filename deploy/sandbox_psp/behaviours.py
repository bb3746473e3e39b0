"""What each payment method does, as test cards do: one table, read when an intent or a refund of it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chassis.money import Money


@dataclass(frozen=True, slots=True)
class Delays:
    """How long what is slow and what is late takes, in seconds."""

    slow: float
    late: float


@dataclass(frozen=True, slots=True)
class Decline:
    """Why nothing came in: `soft` may work another time, `hard` never."""

    kind: str
    code: str


class Create(Enum):
    """What the first call to create an intent meets; inquiries and repeated calls are answered at once."""

    ANSWERED = "it is answered at once"
    HANGS = "it is recorded, and answered too late"
    LOST = "it is answered too late, and arrives later still"
    UNAVAILABLE = "it is refused each time, and leaves nothing"


def _as_asked(asked: Money) -> Money:
    return asked


def _half(asked: Money) -> Money:
    return Money(asked.currency_code, max(1, asked.minor_units // 2))


def _other_currency(asked: Money) -> Money:
    return Money("EUR" if asked.currency_code == "USD" else "USD", asked.minor_units)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a method does where it differs from paying at once what is asked."""

    decline: Decline | None = None
    create: Create = Create.ANSWERED
    is_slow: bool = False
    soft_declines: int = 0
    """How many intents of one reference are declined softly before one succeeds."""
    received: Callable[[Money], Money] = _as_asked
    webhook_copies: int = 1
    """How often each message is delivered under one id."""
    is_reported_declined: bool = False
    """Whether a message says later, and wrongly, that it was declined."""
    refund_failures: int = 0
    """How many calls to create a refund fail under one key before the next succeeds."""
    is_refund_slow: bool = False


SOFT: Final = Decline("soft", "insufficient_funds")
HARD: Final = Decline("hard", "do_not_honor")
LATE: Final = Decline("hard", "late_failure")

BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "pm_ok": Behaviour(),
    "pm_slow": Behaviour(is_slow=True),
    "pm_declined_soft": Behaviour(SOFT),
    "pm_soft_twice_then_ok": Behaviour(soft_declines=2),
    "pm_declined_hard": Behaviour(HARD),
    "pm_timeout_then_ok": Behaviour(create=Create.HANGS),
    "pm_timeout_then_declined": Behaviour(HARD, create=Create.HANGS),
    "pm_down": Behaviour(create=Create.UNAVAILABLE),
    "pm_lost_then_arrives": Behaviour(create=Create.LOST),
    "pm_duplicate_webhooks": Behaviour(webhook_copies=5),
    "pm_late_failure_after_success": Behaviour(is_reported_declined=True),
    "pm_wrong_amount": Behaviour(received=_half),
    "pm_wrong_currency": Behaviour(received=_other_currency),
    "pm_refund_fails": Behaviour(refund_failures=6),
    "pm_refund_slow": Behaviour(is_refund_slow=True),
}
UNKNOWN: Final = Behaviour(Decline("hard", "unknown_method"))


def behaviour_of(payment_method: str) -> Behaviour:
    """Return what the method does; one that is not in the table is declined."""
    return BEHAVIOURS.get(payment_method, UNKNOWN)
