"""`atlas saga stuck`: what is asked for, and what is said about it."""

from __future__ import annotations

from typing import Any

from tests.cli.desk import Desk

ROW: dict[str, Any] = {"order_id": "o-1", "state": "CANCELLED", "settlement": "FAILED", "last_event_type": "RefundFailed"}


def test_stuck_orders_are_listed_with_what_to_do(desk: Desk) -> None:
    desk.answers += [{"rows": [ROW]}]
    printed = desk.type("saga", "stuck", "--limit", "3")
    assert desk.sent == [("GET", "/v1/reports/order-summary?page_size=3&settlement=FAILED", None)]
    assert "o-1" in printed
    assert "atlas refund retry REFUND_ID" in printed


def test_nothing_stuck_is_said_so(desk: Desk) -> None:
    desk.answers += [{"rows": []}]
    assert desk.type("saga", "stuck") == "nothing is stuck\n"
