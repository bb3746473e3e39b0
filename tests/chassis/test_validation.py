"""A message is checked against the rules of its contract, and against what no database of ours can keep."""

from __future__ import annotations

from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import stock_pb2
from chassis.validation import MAX_VIOLATIONS, violations


def _item(**changes: str) -> stock_pb2.CreateItemRequest:
    cost = Money(currency_code="EUR", minor_units=256)
    return stock_pb2.CreateItemRequest(**{"sku": "LAMP-01", "name": "Lamp", **changes}, standard_cost=cost)


def test_a_message_that_keeps_its_rules_breaks_none() -> None:
    assert violations(_item()) == ()


def test_a_broken_rule_names_its_field_and_itself() -> None:
    (broken,) = violations(_item(sku="no spaces"))
    assert (broken.field, broken.rule) == ("sku", "string.pattern")


def test_a_text_with_a_nul_is_refused_where_its_own_rules_allow_it() -> None:
    (broken,) = violations(_item(name="La\0mp"))
    assert (broken.field, broken.rule) == ("name", "string.no_nul")


def test_a_nul_is_found_in_a_line_too() -> None:
    lines = [stock_pb2.ReceiptLine(sku=sku, quantity=256) for sku in ("LAMP-01", "DESK\0")]
    found = violations(stock_pb2.ReceiveStockRequest(reference="PO-77", lines=lines))
    assert [(v.field, v.rule) for v in found] == [("lines[1].sku", "string.pattern"), ("lines[1].sku", "string.no_nul")]


def test_no_more_than_25_broken_rules_are_named() -> None:
    lines = [stock_pb2.ReceiptLine(sku="a b", quantity=0) for _ in range(20)]
    assert len(violations(stock_pb2.ReceiveStockRequest(reference="PO-77", lines=lines))) == MAX_VIOLATIONS
