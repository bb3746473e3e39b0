"""Fills order_svc's table with as many orders as a list has to cope with, so that every filter finds few among many.

Those that two filters have in common are `RARE` and spread over the whole table, however large it is; each filter alone
finds a third of it. A list that filters what it reads, instead of reading what it is asked for, has to read almost all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

RARE: Final = 2_048
SELLER: Final = "a71a5000-0000-4000-8002-000000000002"
CUSTOMER: Final = "cust-many"
REFERENCE: Final = "ref-many"
STATE: Final = "BACKORDERED"
FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN: Final = 10

# n % stride: 0 is what the filters have in common, 1 has the reference (each of another caller, as it is unique for one)
_FILL: Final = """
INSERT INTO orders (order_id, customer_id, client_reference, state, currency_code, payment_method, placed_by_issuer, placed_by,
    placed_by_username, place_time, state_time, lines, known, cancel_reason, confirmed, terms_version,
    version, stream_sequence, create_time, update_time)
SELECT ('0190a000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    CASE WHEN kind IN (0, 2) THEN :customer ELSE 'cust-' || n % 9973 END,
    CASE WHEN kind = 1 THEN :reference WHEN n % 2 = 0 THEN 'web-' || n END,
    CASE WHEN kind IN (0, 4) THEN :state WHEN n % 10 < 8 THEN 'FULFILLED' WHEN n % 10 = 8 THEN 'CANCELLED' ELSE 'CONFIRMED' END,
    'EUR', 'pm_ok', 'issuer',
    CASE WHEN kind IN (0, 3) THEN :seller WHEN kind = 1 THEN 'caller-' || n ELSE 'person-' || n % 997 END,
    'person', time, time,
    '[{"net": 5997, "sku": "BENCH-01", "tax": 1199, "quantity": 3, "unit_price": 1999, "line_number": 1, "quantity_shipped": 0,
       "quantity_cancelled": 0, "discount_basis_points": 0, "tax_rate_basis_points": 2000}]',
    '{"stock": "AWAITED", "approval": "AWAITED"}', '', false, 1, 1, 1, time, time
FROM (
    SELECT n, CAST(:first AS timestamptz) + n * :between * interval '1 second' AS time,
        CASE n % :stride WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE 2 + n % 3 END AS kind
    FROM generate_series(1, CAST(:count AS bigint)) AS n
) AS numbered
"""


def fill(database: sa.Engine, count: int, rare: int = RARE) -> None:
    """Make this many orders (at least 4 times the rare ones) in an empty table, and let PostgreSQL look at them."""
    parameters = {
        "customer": CUSTOMER,
        "reference": REFERENCE,
        "state": STATE,
        "seller": SELLER,
        "first": FIRST,
        "between": SECONDS_BETWEEN,
        "stride": count // rare,
        "count": count,
    }
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.execute(sa.text(_FILL), parameters)
        connection.exec_driver_sql("VACUUM (ANALYZE) orders")


def time_of(number: int) -> datetime:
    """Return when the n-th order was made."""
    return FIRST + timedelta(seconds=number * SECONDS_BETWEEN)
