"""Prices and shares: rounded once each, and parts that add up however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money, total
from order_svc.domain.errors import InvalidLines
from order_svc.domain.pricing import LineRequest, price, share

MINOR = st.integers(0, 10**9)
RATES = st.integers(0, 10_000)


def _line(unit_price: int, quantity: int, discount: int, tax: int) -> LineRequest:
    return LineRequest("LAMP-01", quantity, Money("EUR", unit_price), discount, tax)


def test_ten_at_23_90_with_a_quarter_off_and_20_percent_tax() -> None:
    (line,) = price([_line(2_390, 10, 2_500, 2_000)])
    assert (line.net.minor_units, line.tax.minor_units, line.total.minor_units) == (17_925, 3_585, 21_510)


def test_ten_at_23_90_shipped_in_three_parts_add_up_to_the_cent() -> None:
    (line,) = price([_line(2_390, 10, 2_500, 2_000)])
    cuts = [(0, 4), (4, 7), (7, 10)]
    nets = [share(line.net, before=before, after=after, whole=10).minor_units for before, after in cuts]
    taxes = [share(line.tax, before=before, after=after, whole=10).minor_units for before, after in cuts]
    assert nets == [7_170, 5_378, 5_377]
    assert taxes == [1_434, 1_076, 1_075]
    assert (sum(nets), sum(taxes)) == (17_925, 3_585)


@pytest.mark.parametrize(
    ("unit_price", "discount", "net"),
    [(1, 5_000, 0), (3, 5_000, 2), (5, 5_000, 2), (7, 5_000, 4), (1_000, 10_000, 0)],
    ids=["half of 1", "half of 3", "half of 5", "half of 7", "all off"],
)
def test_net_is_rounded_half_to_even(unit_price: int, discount: int, net: int) -> None:
    assert price([_line(unit_price, 1, discount, 0)])[0].net.minor_units == net


def test_lines_are_numbered_from_one_in_their_order() -> None:
    assert [line.line_number for line in price([_line(1, 1, 0, 0)] * 3)] == [1, 2, 3]


def test_a_total_of_2_to_the_53_is_refused_and_one_less_is_not() -> None:
    most, rest = _line(10**9, 10**6, 0, 0), 2**53 - 9 * 10**15
    lines = [most] * 9 + [_line(10**9, rest // 10**9, 0, 0)]
    price([*lines, _line(rest % 10**9 - 1, 1, 0, 0)])
    with pytest.raises(InvalidLines) as refused:
        price([*lines, _line(rest % 10**9, 1, 0, 0)])
    assert refused.value.reason == "VALIDATION_FAILED"
    assert refused.value.violations[0].field == "lines"


@given(MINOR, st.integers(1, 10**6), RATES, RATES)
def test_tax_is_of_the_net_and_total_is_their_sum(unit_price: int, quantity: int, discount: int, tax: int) -> None:
    (line,) = price([_line(unit_price, quantity, discount, tax)])
    assert line.total == line.net + line.tax
    assert 2 * abs(line.net.minor_units * 10_000 - unit_price * quantity * (10_000 - discount)) <= 10_000
    assert 2 * abs(line.tax.minor_units * 10_000 - line.net.minor_units * tax) <= 10_000


@given(MINOR, st.integers(1, 10**6), st.data())
def test_any_split_of_a_line_adds_up(amount: int, whole: int, data: st.DataObject) -> None:
    inner = data.draw(st.sets(st.integers(1, whole), max_size=8), label="cuts")
    cuts = sorted({0, whole} | inner)
    parts = [share(Money("EUR", amount), before=before, after=after, whole=whole) for before, after in pairwise(cuts)]
    assert total(parts, "EUR").minor_units == amount
    assert all(0 <= part.minor_units <= amount for part in parts)
