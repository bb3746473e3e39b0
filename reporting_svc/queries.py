"""Reads of reporting_svc: SQL to response."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from atlas.orders.v1 import order_pb2
from atlas.reporting.v1 import report_pb2, timeline_pb2
from chassis.calls import visible_to
from chassis.clock import Clock
from chassis.errors import NotFound
from chassis.paging import Pager
from chassis.values import time, time_message
from chassis.world import Actor
from reporting_svc import wire
from reporting_svc.projections.timeline import latency_ms, remaining
from reporting_svc.store import changed_of, order_summary, timeline_step
from reporting_svc.summaries import name

RETRY_SECONDS = 1
HINT = "A timeline follows its order by a moment; if the order was placed just now, ask again"


class Reports:
    """The reads that need more than the database: the time, and what signs page tokens."""

    def __init__(self, pager: Pager, clock: Clock) -> None:
        self._pager = pager
        self._clock = clock

    def get_timeline(
        self, connection: sa.Connection, request: timeline_pb2.GetTimelineRequest, actor: Actor
    ) -> timeline_pb2.GetTimelineResponse:
        """Read the timeline of one order that the caller may see."""
        order = _find(connection, request.order_id, actor)
        steps = _steps(connection, request.order_id)
        now = self._clock.now()
        coming = remaining(changed_of(order), {row.event_type for row in steps})
        timeline = timeline_pb2.Timeline(
            order_id=order.order_id,
            state=wire.state(order.state),
            as_of=time_message(order.last_event_time),
            steps=[wire.step_message(row) for row in steps],
            remaining_steps=[wire.remaining_message(step, overdue=step.is_overdue(now)) for step in coming],
        )
        return timeline_pb2.GetTimelineResponse(timeline=timeline)

    def list_order_summaries(
        self, connection: sa.Connection, request: report_pb2.ListOrderSummariesRequest, actor: Actor
    ) -> report_pb2.ListOrderSummariesResponse:
        """List the orders the caller may see, newest first."""
        table = order_summary.c
        visible = visible_to(actor, table.placed_by_subject)
        statement = sa.select(order_summary).where(table.place_time.is_not(None), *visible)
        statement = statement.where(*_filters(request))
        page = self._pager.page(request, actor)
        rows, token = page.select(connection, statement, table.place_time.desc(), table.order_id.desc())
        newest = connection.execute(_NEWEST).one_or_none()
        return report_pb2.ListOrderSummariesResponse(
            as_of=time_message(newest.occur_time) if newest else None,
            lag_seconds=latency_ms(newest.occur_time, newest.seen_time) // 1000 if newest else 0,
            rows=[wire.summary_message(row) for row in rows],
            next_page_token=token,
        )


_NEWEST = sa.select(timeline_step.c.occur_time, timeline_step.c.seen_time).order_by(timeline_step.c.occur_time.desc()).limit(1)


def _find(connection: sa.Connection, order_id: str, actor: Actor) -> sa.Row[Any]:
    table = order_summary.c
    statement = sa.select(order_summary).where(table.order_id == order_id, table.place_time.is_not(None))
    row = connection.execute(statement.where(*visible_to(actor, table.placed_by_subject))).one_or_none()
    if row is None:
        raise NotFound(f"there is no timeline of order {order_id}", hint=HINT, retry_after=RETRY_SECONDS)
    return row


def _steps(connection: sa.Connection, order_id: str) -> list[sa.Row[Any]]:
    """Return what happened in the order in which it happened; within a millisecond ids still count up."""
    table = timeline_step.c
    statement = sa.select(timeline_step).where(table.order_id == order_id)
    return list(connection.execute(statement.order_by(table.occur_time, table.event_id)))


def _filters(request: report_pb2.ListOrderSummariesRequest) -> list[sa.ColumnElement[bool]]:
    table = order_summary.c
    terms: list[sa.ColumnElement[bool]] = []
    if request.state:
        terms.append(table.state.in_([name(order_pb2.OrderState, state) for state in request.state]))
    if request.settlement:
        terms.append(table.settlement.in_([name(order_pb2.Settlement, settlement) for settlement in request.settlement]))
    if request.HasField("customer_id"):
        terms.append(table.customer_id == request.customer_id)
    if request.HasField("place_time_from"):
        terms.append(table.place_time >= time(request.place_time_from))
    if request.HasField("place_time_to"):
        terms.append(table.place_time < time(request.place_time_to))
    return terms
