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
    (
        "UPDATE reservation SET waits_whole = true WHERE state = 'BACKORDERED';"
        "UPDATE reservation_line SET is_whole = true WHERE is_queued;"
        "UPDATE stock_item SET backordered_whole = backordered",
        {"I7.whole"},
    ),
    (
        "UPDATE reservation_line SET held = 0, waiting = 9, is_whole = true WHERE quantity = 9 AND sku = 'Q';"
        "UPDATE reservation SET waits_whole = true WHERE order_id IN (SELECT order_id FROM reservation_line WHERE is_whole);"
        "UPDATE stock_item SET reserved = 0, backordered = 9, backordered_whole = 9, on_hand = 10 WHERE sku = 'Q'",
        {"I7.whole", "I7.stock", "I7.value"},
    ),
    ("UPDATE reservation_line SET turn = -3 WHERE sku = 'Q'", {"I7.state"}),
    ("UPDATE reservation_line SET is_queued = false WHERE is_queued", {"I7.state"}),
    ("UPDATE stock_item SET backordered_whole = 1 WHERE sku = 'Q'", {"I7.reserved"}),
]


@pytest.mark.parametrize(("statements", "names"), DAMAGE)
def test_damage_is_found(connection: sa.Connection, statements: str, names: set[str]) -> None:
    for statement in statements.split(";"):
        connection.execute(sa.text(statement))
    assert _wrong(check(connection)) == names


MOVED_AHEAD = """
    UPDATE reservation SET priority = 5, prioritize_time = create_time + interval '10 s' WHERE order_id = :order_id;
    UPDATE reservation_line SET turn = -5 WHERE order_id = :order_id;
    UPDATE reservation_line SET take_time = take_time + make_interval(secs => :later) WHERE order_id <> :order_id
"""


@pytest.mark.parametrize(("later", "wrong"), [(0, set()), (20, {"I7.fifo"})])
def test_who_was_moved_ahead_is_overtaken_by_those_only_who_took_later(
    connection: sa.Connection, later: int, wrong: set[str]
) -> None:
    for statement in MOVED_AHEAD.split(";"):
        given = {"order_id": SECOND.order_id, "later": later}
        connection.execute(sa.text(statement), {name: given[name] for name in given if f":{name}" in statement})
    assert _wrong(check(connection)) == wrong


def test_who_was_moved_back_after_he_took_is_not_judged(connection: sa.Connection) -> None:
    for statement in MOVED_AHEAD.split(";"):
        given = {"order_id": SECOND.order_id, "later": 20}
        connection.execute(sa.text(statement), {name: given[name] for name in given if f":{name}" in statement})
    moved = "UPDATE reservation SET prioritize_time = create_time + interval '60 s' WHERE order_id = :order_id"
    connection.execute(sa.text(moved), {"order_id": FIRST.order_id})
    assert _wrong(check(connection)) == set()
