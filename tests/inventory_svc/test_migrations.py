"""A database that was in use comes through each revision, up, down and up again, and the service goes on with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from chassis import migrate
from chassis.database import make_engine
from inventory_svc.invariants import check

STOCK = """
INSERT INTO stock_item VALUES
    ('A', 'lamp', 'MAIN', 'EUR', 12, 4, 0, 0, 3, 2, now(), now()), ('B', 'desk', 'MAIN', 'EUR', 0, 0, 0, 0, 1, 0, now(), now())
"""
MOVED = """
INSERT INTO stock_movement VALUES (gen_random_uuid(), 'A', 'MAIN', %s, %s, gen_random_uuid(), 0, %s, 'cause', 1, 0,
    now() + %s * interval '1 second', now())
"""
LEDGER = """
SELECT movement_number, quantity, on_hand_after, unit_cost_minor_units, value_change_minor_units
FROM stock_movement WHERE sku = 'A' ORDER BY movement_number
"""
REVALUE = """
UPDATE stock_item SET cost_minor_units = 20, movement_count = 4 WHERE sku = 'A';
INSERT INTO stock_movement (movement_id, sku, warehouse_id, movement_number, quantity, reason, source_id, line_number,
    on_hand_after, unit_cost_minor_units, value_change_minor_units, cause_id, version, stream_sequence, create_time,
    update_time)
VALUES (gen_random_uuid(), 'A', 'MAIN', 4, 0, 'COST_CHANGED', gen_random_uuid(), 0, 4, 20, 32, 'cause', 1, 0, now(), now())
"""


def _go(url: str, revision: str) -> None:
    go = command.upgrade if revision > "0001" else command.downgrade
    migrate._run("inventory_svc", url, lambda config: go(config, revision))


@pytest.fixture
def old(new_database: Callable[[str], str]) -> str:
    """A database of revision 0001 with rows; two clocks wrote the last two movements, and one of them was late."""
    url = new_database("old")
    migrate._run("inventory_svc", url, lambda config: command.upgrade(config, "0001"))
    with psycopg.connect(url) as connection:
        connection.execute(STOCK)
        for row in ((5, "RECEIPT", 5, 1), (-3, "SHIPMENT", 4, 2), (2, "RECEIPT", 7, 3)):
            quantity, reason, after, second = row
            connection.execute(MOVED, (quantity, reason, after, second))
    return url


def test_old_movements_become_a_ledger_that_adds_up(old: str) -> None:
    _go(old, "0002")
    with psycopg.connect(old) as connection:
        ledger = connection.execute(LEDGER).fetchall()
        counts = connection.execute("SELECT movement_count FROM stock_item ORDER BY sku").fetchall()
    assert ledger == [(1, 5, 5, 12, 60), (2, -3, 2, 12, -36), (3, 2, 4, 12, 24)]
    assert counts == [(3,), (0,)]
    assert _wrong(old) == []


def test_it_can_be_taken_back_and_brought_in_again(old: str) -> None:
    _go(old, "0002")
    with psycopg.connect(old) as connection:
        connection.execute(REVALUE)
    _go(old, "0001")
    with psycopg.connect(old) as connection:
        left = connection.execute("SELECT quantity FROM stock_movement ORDER BY create_time").fetchall()
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(MOVED, (0, "RECEIPT", 4, 9))
    assert left == [(5,), (-3,), (2,)]
    _go(old, "0002")
    with psycopg.connect(old) as connection:
        assert connection.execute("SELECT sum(value_change_minor_units) FROM stock_movement").fetchall() == [(80,)]
    assert _wrong(old) == []


def _wrong(url: str) -> list[Any]:
    """What the invariants, which know the newest revision, find wrong."""
    migrate.upgrade("inventory_svc", url)
    engine: sa.Engine = make_engine(url, name="test", pool_size=2)
    with engine.connect() as connection:
        found = [finding for finding in check(connection) if finding.wrong]
    engine.dispose()
    return found
