"""Money as integer minor units of one currency. No float and no Decimal anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_MINOR_UNITS = 2**53 - 1
BASIS_POINTS = 10_000


def half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half to even. The denominator is positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


@dataclass(frozen=True, slots=True)
class Money:
    """An amount: `minor_units` of `currency_code` (ISO 4217), within 2^53 - 1 either way."""

    currency_code: str
    minor_units: int

    def __post_init__(self) -> None:
        if abs(self.minor_units) > MAX_MINOR_UNITS:
            raise ValueError("amount out of range")

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.currency_code, self.minor_units + other.minor_units)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.currency_code, self.minor_units - other.minor_units)

    def __neg__(self) -> Money:
        return Money(self.currency_code, -self.minor_units)

    def _same_currency(self, other: Money) -> None:
        if self.currency_code != other.currency_code:
            raise ValueError(f"cannot mix {self.currency_code} and {other.currency_code}")

    @property
    def is_zero(self) -> bool:
        """Whether the amount is zero."""
        return self.minor_units == 0

    def zero(self) -> Money:
        """Return nothing of the same currency."""
        return Money(self.currency_code, 0)

    def times(self, numerator: int, denominator: int = 1) -> Money:
        """Return the amount times numerator / denominator, rounded half to even once."""
        return Money(self.currency_code, half_even(self.minor_units * numerator, denominator))


def total(amounts: Iterable[Money], currency_code: str) -> Money:
    """Sum amounts of one currency; nothing sums to zero of that currency."""
    nothing, minor_units = Money(currency_code, 0), 0
    for amount in amounts:
        nothing._same_currency(amount)
        minor_units += amount.minor_units
    return Money(currency_code, minor_units)
