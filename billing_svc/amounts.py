"""Amounts as people write them, with the decimals that their currency has."""

from __future__ import annotations

from babel.core import get_global

from chassis.money import Money


def figures(amount: Money) -> str:
    """Write an amount without its currency: 1,200.00 of EUR, 1,200 of JPY."""
    return _figures(amount.currency_code, amount.minor_units)


def sum_of_money(amount: Money) -> str:
    """Write an amount with its currency, such as 1,200.00 EUR."""
    return written(amount.currency_code, amount.minor_units)


def written(currency_code: str, minor_units: int) -> str:
    """Write an amount with its currency, also one that is too large to be Money."""
    return f"{_figures(currency_code, minor_units)} {currency_code}"


def _figures(currency_code: str, minor_units: int) -> str:
    decimals = _decimals(currency_code)
    whole, part = divmod(abs(minor_units), 10**decimals)
    fraction = f".{part:0{decimals}d}" if decimals else ""
    return f"{'-' if minor_units < 0 else ''}{whole:,}{fraction}"


def _decimals(currency_code: str) -> int:
    """Look up what babel.numbers knows too, without the 4 MB that it needs for it."""
    known = get_global("currency_fractions")
    return int(known.get(currency_code, known["DEFAULT"])[0])
