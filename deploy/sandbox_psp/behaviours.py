"""What each payment method does, as test cards do: one table, read once when an intent is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The outcome an intent is heading for, and whether it is PENDING for a while before."""

    outcome: str
    decline_kind: str | None = None
    decline_code: str | None = None
    is_slow: bool = False


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "pm_ok": Behaviour("SUCCEEDED"),
    "pm_slow": Behaviour("SUCCEEDED", is_slow=True),
    "pm_declined_hard": Behaviour("DECLINED", "hard", "do_not_honor"),
}
UNKNOWN: Final = Behaviour("DECLINED", "hard", "unknown_method")


def behaviour_of(payment_method: str) -> Behaviour:
    """Return what the method does; one that is not in the table is declined."""
    return BEHAVIOURS.get(payment_method, UNKNOWN)
