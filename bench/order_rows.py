"""Whether order_svc kept what it accepted: every 201 is one order with its events, and its invariants hold."""

from __future__ import annotations

import sqlalchemy as sa

from bench.figures import Check
from chassis.database import make_engine
from chassis.tables import audit_log, idempotency, outbox
from order_svc import invariants
from order_svc.store import orders

EVENTS_OF_AN_ORDER = 2  # OrderPlaced, OrderStateChanged


def checks(goal: str, url: str, accepted: int) -> tuple[Check, ...]:
    """Compare what is in the database with how many orders were accepted. Nothing else may work on it."""
    engine = make_engine(url, name="bench", pool_size=2)
    with engine.connect() as connection:
        found = (
            Check(goal, "an order for each 201", accepted, _count(connection, orders)),
            Check(goal, "a stored response for each 201", accepted, _answered(connection)),
            Check(goal, "an audit entry for each 201", accepted, _count(connection, audit_log)),
            Check(goal, "both events of each order in the outbox", accepted * EVENTS_OF_AN_ORDER, _streamed(connection)),
            Check(goal, "broken invariants", 0, sum(len(finding.wrong) for finding in invariants.check(connection))),
        )
    engine.dispose()
    return found


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _answered(connection: sa.Connection) -> int:
    statement = sa.select(sa.func.count()).where(idempotency.c.response.is_not(None))
    return connection.execute(statement).scalar_one()


def _streamed(connection: sa.Connection) -> int:
    """Count the events whose stream is an order's; (topic, stream, number) is unique by a constraint."""
    of_an_order = sa.cast(outbox.c.stream_key, sa.Uuid) == sa.cast(orders.c.order_id, sa.Uuid)
    return connection.execute(sa.select(sa.func.count()).select_from(outbox.join(orders, of_an_order))).scalar_one()
