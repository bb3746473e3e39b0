"""Orders that wait for stock, as inventory_svc keeps them: written by SQL, so that a queue of any length is there at once."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

QUANTITIES: Final = (3, 2)
"""Units on each of the two lines of an order."""

# the n-th order of a run waits for both lines; `spread` pairs of SKUs share the orders
_ITEMS: Final = """
INSERT INTO stock_item (sku, name, warehouse_id, cost_currency, cost_minor_units, on_hand, reserved, backordered,
    movement_count, version, stream_sequence, create_time, update_time)
SELECT :run || '-' || pair || '-' || line, 'Lamp', 'MAIN', 'EUR', 1200, 0, 0,
    (:count / :spread) * (CAST(:quantities AS int[]))[line], 0, 1, 1, '2026-01-01', '2026-01-01'
FROM generate_series(0, CAST(:spread AS int) - 1) AS pair, generate_series(1, 2) AS line
"""
_ORDERS: Final = """
INSERT INTO reservation (order_id, state, priority, place_time, placed_by, placed_by_issuer, has_unknown_item, is_confirmed,
    is_cancelled, shipments, version, stream_sequence, create_time, update_time)
SELECT md5(:run || n)::uuid, 'BACKORDERED', 0, timestamptz '2026-01-01' + n * interval '1 second', 'bench', 'issuer',
    false, false, false, '[]', 1, 1, '2026-01-01', '2026-01-01'
FROM generate_series(1, CAST(:count AS int)) AS n
"""
_LINES: Final = """
INSERT INTO reservation_line (order_id, line_number, sku, quantity, held, shipped, waiting, turn, place_time, is_queued)
SELECT md5(:run || n)::uuid, line, :run || '-' || n % :spread || '-' || line, quantity, 0, 0, quantity, 0,
    timestamptz '2026-01-01' + n * interval '1 second', true
FROM generate_series(1, CAST(:count AS int)) AS n, unnest(CAST(:quantities AS int[])) WITH ORDINALITY AS wanted (quantity, line)
"""


def fill(database: sa.Engine, run: str, count: int, spread: int = 1) -> None:
    """Let `count` orders of a run wait for the SKUs RUN-PAIR-1 and RUN-PAIR-2, of `spread` pairs, which have no stock."""
    parameters = {"run": run, "count": count, "spread": spread, "quantities": list(QUANTITIES)}
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        for statement in (_ITEMS, _ORDERS, _LINES):
            connection.execute(sa.text(statement), parameters)
        connection.exec_driver_sql("VACUUM (ANALYZE) reservation, reservation_line, stock_item")


def skus(run: str) -> tuple[str, str]:
    """Return the SKUs that a run of one pair waits for."""
    return f"{run}-0-1", f"{run}-0-2"
