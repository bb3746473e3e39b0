"""At list price: unit price and tax rate as listed and no discount, for each line; everything else is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.money import Money
from order_svc.domain.errors import PriceMismatch
from order_svc.domain.price_list import Listed, hold_to_list
from order_svc.domain.pricing import LineRequest
from tests.order_svc.builders import a_line, a_price, lines

LISTED: Listed = {("LAMP-01", "EUR"): a_price("LAMP-01", 1_999), ("DESK-02", "EUR"): a_price("DESK-02", 125_000)}
LAMP = a_line(unit_price=1_999)


def _refused(*requests: LineRequest, listed: Listed = LISTED) -> list[tuple[str, str]]:
    """Where and why lines are refused."""
    with pytest.raises(PriceMismatch) as refused:
        hold_to_list(lines(*requests), listed)
    assert refused.value.reason == "PRICE_MISMATCH"
    assert "/v1/prices" in refused.value.hint
    assert refused.value.detail.startswith(f"{len(refused.value.violations)} line(s)")
    return [(violation.field, violation.message) for violation in refused.value.violations]


def test_lines_at_list_price_pass() -> None:
    hold_to_list(lines(LAMP, a_line("DESK-02", 1, 125_000), a_line(quantity=7, unit_price=1_999)), LISTED)


@pytest.mark.parametrize(
    ("line", "field", "text"),
    [
        (a_line(unit_price=1_998), "unit_price", "LAMP-01 in EUR: unit_price is 1998, listed 1999"),
        (a_line(unit_price=2_000), "unit_price", "LAMP-01 in EUR: unit_price is 2000, listed 1999"),
        (
            replace(LAMP, tax_rate_basis_points=0),
            "tax_rate_basis_points",
            "LAMP-01 in EUR: tax_rate_basis_points is 0, listed 2000",
        ),
        (
            replace(LAMP, discount_basis_points=1),
            "discount_basis_points",
            "LAMP-01 in EUR: discount_basis_points is 1, listed 0",
        ),
        (a_line("RARE-04", 1, 1_999), "unit_price", "there is no list price for RARE-04 in EUR"),
        (replace(LAMP, unit_price=Money("USD", 1_999)), "unit_price", "there is no list price for LAMP-01 in USD"),
    ],
    ids=["below", "above", "tax", "discount", "not listed", "listed in another currency"],
)
def test_a_line_off_the_list_is_named_with_given_and_listed(line: LineRequest, field: str, text: str) -> None:
    assert _refused(line) == [(f"lines[0].{field}", text)]


def test_every_wrong_line_is_named_once_at_what_is_wrong_first() -> None:
    wrong = LineRequest("DESK-02", 1, Money("EUR", 1), 500, 0)
    given = "unit_price is 1, listed 125000; tax_rate_basis_points is 0, listed 2000; discount_basis_points is 500, listed 0"
    assert _refused(a_line(unit_price=1), LAMP, wrong) == [
        ("lines[0].unit_price", "LAMP-01 in EUR: unit_price is 1, listed 1999"),
        ("lines[2].unit_price", f"DESK-02 in EUR: {given}"),
    ]


def test_a_list_price_of_nothing_is_a_price() -> None:
    free: Listed = {("GIFT", "EUR"): a_price("GIFT", 0)}
    hold_to_list(lines(a_line("GIFT", 1, 0)), free)
    assert _refused(a_line("GIFT", 1, 1), listed=free)[0][0] == "lines[0].unit_price"


def test_without_a_list_nobody_orders() -> None:
    assert [text for _, text in _refused(LAMP, listed={})] == ["there is no list price for LAMP-01 in EUR"]
