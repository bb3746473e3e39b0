"""Each invariant holds on what the service does, and finds the damage it is for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.application import Finding
from inventory_svc.invariants import check
from tests.inventory_svc.counter import Counter, an_order

WAITING, FIRST, SECOND = (
    an_order(("Q", 9), minute=1),
    an_order(("S", 2), ("T", 1), minute=2),
    an_order(("S", 9), minute=3),
)


@pytest.fixture(scope="module")
def stocked() -> set[str]:
    """Databases that are filled."""
    return set()


@pytest.fixture
def connection(counter: Counter, engine: sa.Engine, stocked: set[str]) -> Iterator[sa.Connection]:
    """A transaction on a small warehouse that is taken back."""
    if not stocked:
        stocked.add("filled")
        for sku in ("Q", "S", "T"):
            counter.create(sku, on_hand=5)
        for order in (WAITING, FIRST, SECOND):
            counter.clock.advance(timedelta(seconds=1))
            counter.publish(order.placed())
        counter.create("LATER", on_hand=1)
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def _wrong(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings if finding.wrong}


def test_nothing_is_found_where_nothing_is_wrong(connection: sa.Connection) -> None:
    findings = check(connection)
    assert _wrong(findings) == set()
    assert all(finding.checked for finding in findings)


DAMAGE = [
    ("UPDATE stock_item SET on_hand = on_hand + 1 WHERE sku = 'LATER'", {"I7.stock", "I7.value"}),
    ("UPDATE stock_item SET cost_minor_units = 1 WHERE sku = 'LATER'", {"I7.value"}),
    ("UPDATE stock_item SET movement_count = 2 WHERE sku = 'LATER'", {"I7.balance"}),
    (
        "ALTER TABLE stock_movement DISABLE TRIGGER stock_movement_append_only;"
        "UPDATE stock_movement SET on_hand_after = on_hand_after + 1 WHERE sku = 'LATER'",
        {"I7.balance"},
    ),
    ("UPDATE stock_item SET reserved = 1 WHERE sku = 'LATER'", {"I7.reserved"}),
    ("UPDATE stock_item SET backordered = 3 WHERE sku = 'Q'", {"I7.reserved"}),
    ("UPDATE reservation SET state = 'SHIPPED' WHERE state = 'RESERVED'", {"I7.state"}),
    ("UPDATE reservation_line SET waiting = 1 WHERE sku = 'Q'", {"I7.state", "I7.reserved"}),
    ("UPDATE reservation SET shipments = '[[\"x\", [[1, 2]], false]]'", {"I7.shipped"}),
    (
        "ALTER TABLE stock_item DROP CONSTRAINT stock_item_nothing_free_while_waiting;"
        "UPDATE stock_item SET reserved = 4 WHERE sku = 'Q'",
        {"I7.queue", "I7.reserved"},
    ),
    (
        "UPDATE reservation_line SET held = 1, waiting = 1 WHERE sku = 'S' AND quantity = 2;"
        "UPDATE reservation_line SET held = 4, waiting = 5 WHERE sku = 'S' AND quantity = 9",
        {"I7.fifo", "I7.state"},
    ),
]


@pytest.mark.parametrize(("statements", "names"), DAMAGE)
def test_damage_is_found(connection: sa.Connection, statements: str, names: set[str]) -> None:
    for statement in statements.split(";"):
        connection.execute(sa.text(statement))
    assert _wrong(check(connection)) == names
