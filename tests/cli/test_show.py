"""What people read: amounts and values."""

from __future__ import annotations

from typing import Any

import pytest

from cli.show import money, text


@pytest.mark.parametrize(
    ("currency", "units", "shown"),
    [
        *(("EUR", 1999, "19.99 EUR"), ("EUR", -5, "-0.05 EUR"), ("EUR", 120_000_000, "1,200,000.00 EUR")),
        *(("JPY", 500, "500 JPY"), ("KWD", 1234, "1.234 KWD")),
    ],
)
def test_amount_has_the_digits_of_its_currency(currency: str, units: int, shown: str) -> None:
    assert money({"currency_code": currency, "minor_units": units}) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0, "0"), ({"subject": "s", "username": "buyer"}, "buyer"), ([1], "[1]"), ("PLACED", "PLACED")],
)
def test_value_is_shown_as_people_read_it(value: Any, shown: str) -> None:
    assert text(value) == shown
