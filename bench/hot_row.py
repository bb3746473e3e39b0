"""S1: orders that all reserve one SKU, beside the bare locked update of that row, and beside ours one order at a time.

The floor is pgbench with one client: a transaction locks the row and updates it once for each order of a batch, one statement
after the other. How ours stands beside the same statements in one pipeline, where nobody waits for an answer, is shown too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
import sqlalchemy as sa

from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import stock_pb2
from bench import orders
from bench.figures import Check, Detail, Outcome, Pair, ratio_of
from bench.floor import Floor
from bench.stack import Databases, pgbench, stack
from bench.warehouse import broken, tell_of_orders, warehouse
from chassis.application import Application
from inventory_svc.commands import RECEIVE_STOCK, create_item_command
from inventory_svc.settings import Settings
from inventory_svc.store import reservation, stock_item

GOAL, BATCHED = "S1", "S1.batch"
SKU, STOCK = "HOT", 1_000_000
ORDERS, ALONE, SECONDS = 2_000, 100, 2
BATCH: int = Settings.model_fields["batch_events"].default
_ITEM = """
INSERT INTO stock_item (sku, name, warehouse_id, cost_currency, cost_minor_units, on_hand, reserved, backordered,
    movement_count, version, stream_sequence, create_time, update_time)
VALUES ('HOT', 'Lamp', 'MAIN', 'EUR', 1200, 1000000000, 0, 0, 1, 1, 1, now(), now());
INSERT INTO stock_movement (movement_id, sku, warehouse_id, quantity, reason, source_id, line_number, on_hand_after, cause_id,
    movement_number, unit_cost_minor_units, value_change_minor_units, version, stream_sequence, create_time, update_time)
VALUES (gen_random_uuid(), 'HOT', 'MAIN', 1000000000, 'RECEIPT', gen_random_uuid(), 0, 1000000000, 'bench', 1, 1200,
    1200000000000, 1, 0, now(), now())
"""
_LOCK = "SELECT * FROM stock_item WHERE sku = 'HOT' FOR UPDATE;\n"
_UPDATE = (
    "UPDATE stock_item SET reserved = reserved + 1, version = version + 1, stream_sequence = stream_sequence + 1, "
    "update_time = now() WHERE sku = 'HOT';\n"
)


def run(pairs: int) -> Outcome:
    """Measure on two databases of one stack: ours, and the floor's."""
    with stack("postgres") as addresses, tempfile.TemporaryDirectory(prefix="atlas-bench-") as folder:
        databases = Databases(addresses)
        floor, (script, pipeline) = _floor(databases), _scripts(Path(folder))
        url = databases.fresh("inventory_svc", "hot")
        with warehouse(url) as inventory, warehouse(url, batch=1) as alone:
            _stock(inventory)
            _per_second(inventory, BATCH)
            _per_second(alone, ALONE // 10)
            bare, piped, single = [], [], []
            for _ in range(pairs):
                rate = _per_second(inventory, ORDERS)
                bare.append(Pair(rate, floor.run(script, clients=1, seconds=SECONDS).per_second * BATCH))
                piped.append(Pair(rate, floor.run(pipeline, clients=1, seconds=SECONDS).per_second * BATCH))
                single.append(Pair(rate, _per_second(alone, ALONE)))
            placed = BATCH + ALONE // 10 + pairs * (ORDERS + ALONE)
            checks = (*_checks(inventory, placed), broken(GOAL, inventory))
    return Outcome((ratio_of(GOAL, bare), ratio_of(BATCHED, single)), _beside(piped), checks)


def _scripts(folder: Path) -> tuple[str, str]:
    """Write the floor's transaction, statement by statement and as one pipeline; the paths."""
    plain, pipeline = folder / "hot_row.sql", folder / "pipeline.sql"
    plain.write_text(f"BEGIN;\n{_LOCK}{_UPDATE * BATCH}COMMIT;\n")
    pipeline.write_text(f"\\startpipeline\n{plain.read_text()}\\endpipeline\n")
    return str(plain), str(pipeline)


def _beside(piped: Sequence[Pair]) -> tuple[Detail, ...]:
    figure = ratio_of(GOAL, piped)
    rate = Detail(GOAL, "the floor's statements in one pipeline", figure.floor or 0, "orders/s")
    return rate, Detail(GOAL, "ours over that", figure.ratio or 0, "")


def _floor(databases: Databases) -> Floor:
    url = databases.fresh("inventory_svc", "bare").get_secret_value()
    with psycopg.connect(url) as connection:
        connection.execute(_ITEM)
    return Floor(pgbench(), url)


def _stock(inventory: Application) -> None:
    """Make the item with more than enough stock."""
    item = stock_pb2.CreateItemRequest(sku=SKU, name="Lamp", standard_cost=Money(currency_code="EUR", minor_units=1200))
    receipt = stock_pb2.ReceiveStockRequest(reference="bench")
    receipt.lines.add(sku=SKU, quantity=STOCK)
    orders.run(inventory.service, [orders.call(create_item_command("EUR"), item, "item")])
    orders.run(inventory.service, [orders.call(RECEIVE_STOCK, receipt, "receipt")])


def _per_second(inventory: Application, count: int) -> float:
    """Let the service read so many orders; how many a second."""
    tell_of_orders(inventory, SKU, count)
    started = time.perf_counter()
    while inventory.consumer.step():
        pass
    return count / (time.perf_counter() - started)


def _checks(inventory: Application, placed: int) -> tuple[Check, ...]:
    """Compare what is reserved with how many orders there were."""
    with inventory.database.connect() as connection:
        units = connection.execute(sa.select(stock_item.c.reserved).where(stock_item.c.sku == SKU)).scalar_one()
        reserved = sa.select(sa.func.count()).select_from(reservation).where(reservation.c.state == "RESERVED")
        held = connection.execute(reserved).scalar_one()
    return Check(GOAL, "units reserved", placed, units), Check(GOAL, "orders reserved", placed, held)
