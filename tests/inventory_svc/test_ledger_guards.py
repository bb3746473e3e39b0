"""The stock ledger refuses what does not add up, whoever writes it: the database itself is the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chassis import migrate

DENIED = "42501"
MOVE = """
INSERT INTO stock_movement (movement_id, sku, warehouse_id, movement_number, quantity, reason, source_id, line_number,
    on_hand_after, unit_cost_minor_units, value_change_minor_units, cause_id, version, stream_sequence, create_time,
    update_time)
VALUES (gen_random_uuid(), %(sku)s, 'MAIN', %(number)s, %(quantity)s, %(reason)s, gen_random_uuid(), 0,
    %(after)s, 10, %(value)s, 'cause', 1, 0, now(), now())
"""
ITEM = """
INSERT INTO stock_item (sku, name, warehouse_id, cost_currency, cost_minor_units, on_hand, reserved, backordered,
    movement_count, version, stream_sequence, create_time, update_time)
VALUES (%(sku)s, 'lamp', 'MAIN', 'EUR', 10, %(on_hand)s, 0, 0, %(count)s, 1, 0, now(), now())
"""

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(migrated_url: str) -> Iterator[Connection]:
    """A transaction of the superuser that is taken back: not even he gets past the triggers. Item A has 5, by movement 1."""
    with psycopg.connect(migrated_url) as opened:
        _item(opened, "A", on_hand=5, count=1)
        _move(opened, "A", 1, 5, 5)
        _commit(opened)
        yield opened
        opened.rollback()


def _item(connection: Connection, sku: str, *, on_hand: int, count: int) -> None:
    connection.execute(ITEM, {"sku": sku, "on_hand": on_hand, "count": count})


def _move(connection: Connection, sku: str, number: int, quantity: int, after: int, **changes: Any) -> None:
    row = {"reason": "COUNT", "value": quantity * 10} | changes
    connection.execute(MOVE, {"sku": sku, "number": number, "quantity": quantity, "after": after, **row})


def _commit(connection: Connection) -> None:
    """Check what would be checked at commit."""
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("SET CONSTRAINTS ALL DEFERRED")


def _now_has(connection: Connection, on_hand: int, count: int) -> None:
    connection.execute("UPDATE stock_item SET on_hand = %s, movement_count = %s WHERE sku = 'A'", (on_hand, count))


def test_what_adds_up_is_kept_whatever_is_written_first(connection: Connection) -> None:
    _move(connection, "A", 3, 4, 7)
    _now_has(connection, 7, 3)
    _move(connection, "A", 2, -2, 3)
    _commit(connection)
    _move(connection, "A", 4, 0, 7, reason="COST_CHANGED", value=70)
    _now_has(connection, 7, 4)
    _item(connection, "EMPTY", on_hand=0, count=0)
    _commit(connection)


WRONG: list[Callable[[Connection], None]] = [
    lambda it: _now_has(it, 6, 1),
    lambda it: _now_has(it, 5, 2),
    lambda it: _item(it, "B", on_hand=1, count=0),
    lambda it: _item(it, "B", on_hand=0, count=1),
]


@pytest.mark.parametrize("change", WRONG, ids=["stock", "count", "new stock", "new count"])
def test_stock_that_no_movement_explains_is_refused_at_commit(connection: Connection, change: Any) -> None:
    change(connection)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is not the sum of its movements"):
        _commit(connection)


def test_a_movement_that_moves_nothing_is_refused_at_commit(connection: Connection) -> None:
    _move(connection, "A", 2, 1, 6)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="did not move the item"):
        _commit(connection)


@pytest.mark.parametrize(("number", "after"), [(2, 7), (3, 6), (3, 1)], ids=["wrong balance", "gap", "gap, from nothing"])
def test_a_movement_that_does_not_continue_is_refused_at_commit(connection: Connection, number: int, after: int) -> None:
    _move(connection, "A", number, 1, after)
    _now_has(connection, after, number)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not continue the one before"):
        _commit(connection)


@pytest.mark.parametrize(
    "changes",
    [
        *({"quantity": 0}, {"reason": "COST_CHANGED"}, {"reason": "THEFT"}, {"value": 11}, {"after": -1}),
        {"reason": "RECEIPT", "quantity": 0},
    ],
    ids=str,
)
def test_a_malformed_movement_is_refused(connection: Connection, changes: dict[str, Any]) -> None:
    row: dict[str, Any] = {"quantity": 1, "after": 6} | changes
    with pytest.raises(psycopg.errors.CheckViolation):
        _move(connection, "A", 2, **row)


@pytest.mark.parametrize(
    "statement",
    [
        *("UPDATE stock_movement SET quantity = 6", "UPDATE stock_movement SET reason = 'FOUND' WHERE false"),
        *("DELETE FROM stock_movement", "TRUNCATE stock_movement"),
    ],
)
def test_no_movement_is_changed_or_removed(connection: Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only") as refused:
        connection.execute(statement.encode())
    assert refused.value.sqlstate == DENIED


def test_the_application_may_only_read_and_add_movements(new_database: Callable[[str], str]) -> None:
    """Where the application's role exists, it has no other right, whatever its defaults are."""
    url = new_database("stock")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'inventory_svc_app') THEN"
            " CREATE ROLE inventory_svc_app; END IF; END $$"
        )
        rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO inventory_svc_app"
        admin.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public {rights}".encode())
        admin.execute("GRANT USAGE ON SCHEMA public TO inventory_svc_app")
        migrate.upgrade("inventory_svc", url)
        admin.execute("SET ROLE inventory_svc_app")
        with admin.transaction():
            _item(admin, "A", on_hand=5, count=1)
            _move(admin, "A", 1, 5, 5)
        for statement in ("UPDATE stock_movement SET quantity = 1", "DELETE FROM stock_movement", "TRUNCATE stock_movement"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                admin.execute(statement.encode())
        admin.execute("UPDATE stock_item SET name = 'desk'")
