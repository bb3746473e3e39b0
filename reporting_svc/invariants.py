"""What has to hold in the database of reporting_svc at any time: the two read models tell the same story."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.application import Finding
from reporting_svc.store import order_summary, timeline_step

SHOWN = 10


def check(connection: sa.Connection) -> list[Finding]:
    """Check every invariant."""
    return [_latest(connection), _known(connection)]


def _latest(connection: sa.Connection) -> Finding:
    """Compare each summary's latest event with the timeline's."""
    newest = sa.select(timeline_step.c.order_id, sa.func.max(timeline_step.c.occur_time).label("occur_time"))
    per_order = newest.group_by(timeline_step.c.order_id).subquery()
    table = order_summary.c
    joined = order_summary.outerjoin(per_order, per_order.c.order_id == table.order_id)
    differs = per_order.c.occur_time.is_distinct_from(table.last_event_time)
    statement = sa.select(table.order_id).select_from(joined).where(differs).limit(SHOWN)
    wrong = [
        f"order {each}: the summary's last event is not the timeline's" for each in connection.execute(statement).scalars()
    ]
    return Finding("I12.latest", "each summary is as new as its timeline", _count(connection, order_summary), tuple(wrong))


def _known(connection: sa.Connection) -> Finding:
    """Look for steps of orders that have no summary."""
    has_summary = sa.exists().where(order_summary.c.order_id == timeline_step.c.order_id)
    statement = sa.select(timeline_step.c.event_id).where(~has_summary).limit(SHOWN)
    wrong = [f"event {each} is in a timeline, its order has no summary" for each in connection.execute(statement).scalars()]
    return Finding("I12.steps", "each timeline step has an order", _count(connection, timeline_step), tuple(wrong))


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
