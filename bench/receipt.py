"""S2: a receipt that completes 1,000 backorders of 2 lines, beside the same rows written by plain statements; and the same
receipt while 100,000 orders wait for other SKUs, beside the first one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from atlas.inventory.v1 import stock_pb2
from bench import backorders, orders
from bench.figures import Check, Outcome, Pair, ratio_of
from bench.same_rows import differing, write_again
from bench.stack import Databases, stack
from bench.warehouse import broken, warehouse
from chassis.application import Application
from chassis.database import make_engine
from chassis.tables import outbox, publication
from inventory_svc.commands import RECEIVE_STOCK
from inventory_svc.store import metadata

GOAL, CROWDED = "S2", "S2.crowd"
ORDERS = 1_000
CROWD, CROWD_PAIRS = 100_000, 500
TABLES = (*metadata.sorted_tables, outbox, publication)


@dataclass(frozen=True, slots=True)
class Received:
    """One receipt: the seconds it took, the orders it completed, the transactions it needed."""

    seconds: float
    completed: int
    transactions: int


def run(pairs: int) -> Outcome:
    """Measure on three databases of one stack: ours, ours with a crowd in it, and the floor's."""
    with stack("postgres") as addresses:
        databases = Databases(addresses)
        with _ours(databases, "quiet") as quiet, _ours(databases, "crowd") as crowd, _floor(databases) as floor:
            backorders.fill(crowd.database, "CROWD", CROWD, CROWD_PAIRS)
            measured = [_round(f"RUN{number}", quiet, crowd, floor) for number in range(pairs + 1)][1:]  # the first warms up
            wrong = broken(GOAL, quiet)
            missing = differing(quiet.database, floor, TABLES)
    ours, among_many = [each[0] for each in measured], [each[1] for each in measured]
    figures = (
        ratio_of(GOAL, [Pair(each.seconds * 1000, bare * 1000) for each, _, bare in measured]),
        ratio_of(CROWDED, [Pair(b.seconds * 1000, a.seconds * 1000) for a, b in zip(ours, among_many, strict=True)]),
    )
    return Outcome(figures, checks=(*_checks((*ours, *among_many)), wrong, Check(GOAL, "rows the floor lacks", 0, missing)))


def _round(name: str, quiet: Application, crowd: Application, floor: sa.Engine) -> tuple[Received, Received, float]:
    for database in (quiet.database, crowd.database, floor):
        backorders.fill(database, name, ORDERS)
    ours, among_many = receive(quiet, name), receive(crowd, name)
    return ours, among_many, write_again(quiet.database, floor, TABLES)


def receive(inventory: Application, name: str) -> Received:
    """Receive exactly what a run waits for."""
    request = stock_pb2.ReceiveStockRequest(reference=name)
    for sku, quantity in zip(backorders.skus(name), backorders.QUANTITIES, strict=True):
        request.lines.add(sku=sku, quantity=quantity * ORDERS)
    commits: list[object] = []
    note = commits.append
    sa.event.listen(inventory.database, "commit", note)
    started = time.perf_counter()
    response = orders.run(inventory.service, [orders.call(RECEIVE_STOCK, request, name)])[0]
    seconds = time.perf_counter() - started
    sa.event.remove(inventory.database, "commit", note)
    return Received(seconds, len(response.receipt.completed_order_ids), len(commits))


def _checks(received: Sequence[Received]) -> tuple[Check, ...]:
    return (
        Check(GOAL, "orders completed by the receipts", ORDERS * len(received), sum(each.completed for each in received)),
        Check(GOAL, "transactions of the receipts", len(received), sum(each.transactions for each in received)),
    )


def _ours(databases: Databases, name: str) -> AbstractContextManager[Application]:
    return warehouse(databases.fresh("inventory_svc", name))


@contextmanager
def _floor(databases: Databases) -> Iterator[sa.Engine]:
    engine = make_engine(databases.fresh("inventory_svc", "bare").get_secret_value(), name="floor", pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()
