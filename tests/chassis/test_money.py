"""Money is exact: integers, one currency, and every rounding half to even, once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import MAX_MINOR_UNITS, Money, half_even, total

amounts = st.integers(-(10**12), 10**12)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**6))
def test_half_even_rounds_as_an_exact_fraction_does(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(amounts, amounts)
def test_adding_and_subtracting_undo_each_other(a: int, b: int) -> None:
    first, second = Money("EUR", a), Money("EUR", b)
    assert first + second - second == first
    assert first + -first == first.zero()
    assert (first - first).is_zero


@given(st.lists(amounts, max_size=20))
def test_a_total_does_not_depend_on_the_order(values: list[int]) -> None:
    monies = [Money("EUR", value) for value in values]
    assert total(monies, "EUR") == total(reversed(monies), "EUR") == Money("EUR", sum(values))


@given(amounts, st.integers(0, 10_000))
def test_a_share_is_rounded_once(value: int, basis_points: int) -> None:
    assert Money("EUR", value).times(basis_points, 10_000).minor_units == round(Fraction(value * basis_points, 10_000))


def test_two_currencies_never_mix() -> None:
    euro, dollar = Money("EUR", 1), Money("USD", 1)
    with pytest.raises(ValueError, match="cannot mix"):
        euro + dollar
    with pytest.raises(ValueError, match="cannot mix"):
        euro - dollar
    with pytest.raises(ValueError, match="cannot mix"):
        total([dollar], "EUR")


@pytest.mark.parametrize("units", [MAX_MINOR_UNITS + 1, -MAX_MINOR_UNITS - 1])
def test_an_amount_that_json_cannot_carry_cannot_be_built(units: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Money("EUR", units)


def test_a_sum_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        Money("EUR", MAX_MINOR_UNITS) + Money("EUR", 1)
