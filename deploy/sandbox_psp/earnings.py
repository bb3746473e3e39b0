"""What an intent costs the merchant, and what is paid out to him."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.money import Money

FEE_PER_THOUSAND, FIXED_FEE = 14, 25


@dataclass(frozen=True, slots=True)
class Fee:
    """What one intent cost, in the currency that came in."""

    number: int
    fee_id: str
    intent_key: str
    amount: Money
    create_time: float


@dataclass(frozen=True, slots=True)
class Payout:
    """What went to the merchant's bank."""

    number: int
    payout_id: str
    amount: Money
    create_time: float


def fee_of(received: Money) -> Money:
    """Return 1.4 % of what came in, rounded half to even, and 25 minor units; never more than came in."""
    fee = received.times(FEE_PER_THOUSAND, 1000).minor_units + FIXED_FEE
    return Money(received.currency_code, min(fee, received.minor_units))
