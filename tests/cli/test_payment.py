"""`atlas payment …`: what is asked for and what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from cli.exits import ExitCode
from tests.cli.desk import Desk

PAYMENT: dict[str, Any] = {"payment_id": "p-1", "state": "UNKNOWN", "amount": {"currency_code": "EUR", "minor_units": 3_600}}
REFUND = {"refund_id": "r-1", "state": "REQUESTED", "amount": {"currency_code": "EUR", "minor_units": 500}}


def test_list_and_show_read(desk: Desk) -> None:
    desk.answers += [{"payments": [PAYMENT]}, PAYMENT]
    assert "36.00 EUR" in desk.type("payment", "list", "--order", "o-1", "--state", "UNKNOWN")
    assert "UNKNOWN" in desk.type("payment", "show", "p-1")
    paths = ["/v1/payments?page_size=20&order_id=o-1&state=UNKNOWN", "/v1/payments/p-1"]
    assert desk.sent == [("GET", path, None) for path in paths]


def test_resolve_asks_the_provider(desk: Desk) -> None:
    desk.answers += [PAYMENT]
    desk.type("payment", "resolve", "p-1")
    assert desk.sent == [("POST", "/v1/payments/p-1/resolve", {})]


@pytest.mark.parametrize(
    ("received", "text", "amount"),
    [
        (None, "5", {"currency_code": "EUR", "minor_units": 500}),
        ({"currency_code": "JPY", "minor_units": 3_600}, "500", {"currency_code": "JPY", "minor_units": 500}),
    ],
)
def test_a_refund_is_in_the_currency_of_the_payment(
    desk: Desk, received: dict[str, Any] | None, text: str, amount: dict[str, Any]
) -> None:
    desk.answers += [PAYMENT | ({"received": received} if received else {}), REFUND]
    assert "r-1" in desk.type("payment", "refund", "p-1", text, "--reason", "GOODWILL", "--comment", "for the wait")
    body = {"amount": amount, "reason": "GOODWILL", "comment": "for the wait"}
    assert desk.sent == [("GET", "/v1/payments/p-1", None), ("POST", "/v1/payments/p-1/refunds", body)]


@pytest.mark.parametrize("text", ["5.001", "five", "5,00"])
def test_an_amount_that_cannot_be_read_is_refused_before_anything_is_given_back(desk: Desk, text: str) -> None:
    desk.answers += [PAYMENT]
    desk.type("payment", "refund", "p-1", text, "--reason", "LATE")
    assert desk.failure is not None
    assert (desk.failure.code, len(desk.sent)) == (ExitCode.USAGE, 1)
