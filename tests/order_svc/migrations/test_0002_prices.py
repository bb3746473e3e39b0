"""Orders that share a reference already survive the migration, up, down and up again; the reference is the first one's."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from chassis import migrate

FIRST, SECOND, OTHER, UNNAMED = (f"0190a000-0000-7000-8000-00000000000{number}" for number in range(1, 5))
_ORDER = """
    INSERT INTO orders VALUES (%s, 'cust-1', %s, 'PLACED', NULL, 'EUR', 'pm_ok', 'https://issuer.test', %s, 'buyer',
        now(), now(), NULL, '[]', '{}', '', false, 1, 1, 2, %s, now())
"""
_ROWS = "SELECT order_id::text, client_reference, version FROM orders ORDER BY order_id"
_PRICE = "INSERT INTO price VALUES (gen_random_uuid(), 'LAMP-01', 'EUR', 1999, 2000, now(), 1, 0, now(), now())"


def _used(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return connection.execute("SELECT reference_key, order_id::text FROM client_reference ORDER BY 1").fetchall()


def test_orders_survive_up_down_and_up(new_database: Callable[[str], str]) -> None:
    url = new_database("order_svc")
    migrate.upgrade("order_svc", url, "0001")
    with psycopg.connect(url, autocommit=True) as connection:
        for order_id, reference, by, day in (
            (SECOND, "web-1", "ann", "2026-01-02"),
            (FIRST, "web-1", "ann", "2026-01-01"),
            (OTHER, "web-1", "bob", "2026-01-03"),
            (UNNAMED, None, "ann", "2026-01-04"),
        ):
            connection.execute(_ORDER, (order_id, reference, by, day))
        before = connection.execute(_ROWS).fetchall()
        for _ in range(2):
            migrate.upgrade("order_svc", url, "0002")
            assert connection.execute(_ROWS).fetchall() == before
            keys = [("https://issuer.test|ann|web-1", FIRST), ("https://issuer.test|bob|web-1", OTHER)]
            assert _used(connection) == keys
            connection.execute(_PRICE)
            migrate.downgrade("order_svc", url, "0001")
            assert connection.execute(_ROWS).fetchall() == before
            assert connection.execute("SELECT to_regclass('price'), to_regclass('client_reference')").fetchone() == (None, None)
    migrate.upgrade("order_svc", url)


def test_a_price_that_cannot_be_is_refused_by_the_database(new_database: Callable[[str], str]) -> None:
    url = new_database("order_svc")
    migrate.upgrade("order_svc", url, "0002")
    with psycopg.connect(url, autocommit=True) as connection:
        for right, wrong in (("1999", "-1"), ("1999", "1000000001"), ("2000", "10001"), ("'EUR'", "'euro'")):
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute(_PRICE.replace(right, wrong).encode())
        assert connection.execute("SELECT count(*) FROM price").fetchone() == (0,)
