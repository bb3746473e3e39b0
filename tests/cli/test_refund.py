"""`atlas refund …`: what is asked for and what is sent."""

from __future__ import annotations

from tests.cli.desk import Desk

REFUND = {"refund_id": "r-1", "state": "FAILED", "amount": {"currency_code": "EUR", "minor_units": 500}}


def test_list_asks_for_an_order_and_states(desk: Desk) -> None:
    desk.answers += [{"refunds": [REFUND]}]
    assert "5.00 EUR" in desk.type("refund", "list", "--order", "o-1", "--state", "FAILED", "--limit", "3")
    assert desk.sent == [("GET", "/v1/refunds?page_size=3&order_id=o-1&state=FAILED", None)]


def test_retry_tries_again_under_a_key(desk: Desk) -> None:
    desk.answers += [REFUND]
    assert "FAILED" in desk.type("refund", "retry", "r-1", "--key", "k-1")
    assert desk.sent == [("POST", "/v1/refunds/r-1/retry", {})]
