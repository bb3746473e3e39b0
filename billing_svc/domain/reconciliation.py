"""Comparing what we have of a payment or a refund with what the provider has of it: only money counts.

What brought no money on either side is no difference, whatever each calls it; nor is what is still under way on one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Amount = tuple[str, int]
"""Currency and minor units as they were found, which may be more than Money allows."""


class DifferenceKind(StrEnum):
    """What two sides that have to agree differ in."""

    PAYMENT_UNKNOWN_TO_US = "PAYMENT_UNKNOWN_TO_US"
    PAYMENT_UNKNOWN_TO_PROVIDER = "PAYMENT_UNKNOWN_TO_PROVIDER"
    PAYMENT_DIFFERS = "PAYMENT_DIFFERS"
    REFUND_UNKNOWN_TO_US = "REFUND_UNKNOWN_TO_US"
    REFUND_UNKNOWN_TO_PROVIDER = "REFUND_UNKNOWN_TO_PROVIDER"
    REFUND_DIFFERS = "REFUND_DIFFERS"
    INVOICE_NOT_AS_BOOKED = "INVOICE_NOT_AS_BOOKED"
    PAYMENT_NOT_AS_BOOKED = "PAYMENT_NOT_AS_BOOKED"
    REFUND_NOT_AS_BOOKED = "REFUND_NOT_AS_BOOKED"


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the three differences of one resource are called."""

    unknown_to_us: DifferenceKind
    unknown_to_provider: DifferenceKind
    differs: DifferenceKind


PAYMENTS: Final = Kinds(
    DifferenceKind.PAYMENT_UNKNOWN_TO_US, DifferenceKind.PAYMENT_UNKNOWN_TO_PROVIDER, DifferenceKind.PAYMENT_DIFFERS
)
REFUNDS: Final = Kinds(
    DifferenceKind.REFUND_UNKNOWN_TO_US, DifferenceKind.REFUND_UNKNOWN_TO_PROVIDER, DifferenceKind.REFUND_DIFFERS
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one side has: the state as it calls it, the money that moved, and of a refund the payment that it gives back."""

    state: str
    money: Amount | None = None
    of: str = ""
    is_under_way: bool = False


def difference(kinds: Kinds, ours: Claim | None, theirs: Claim | None) -> DifferenceKind | None:
    """Name what two claims differ in; None where they agree or may still do so."""
    if (ours and ours.is_under_way) or (theirs and theirs.is_under_way):
        return None
    if not (ours and ours.money) and not (theirs and theirs.money):
        return None
    if ours is None:
        return kinds.unknown_to_us
    if theirs is None:
        return kinds.unknown_to_provider
    return None if (ours.money, ours.of) == (theirs.money, theirs.of) else kinds.differs
