"""How the read models are kept: one row a summary, one row a timeline step."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.money import Money
from chassis.store import Columns, Mapping, Store
from chassis.tables import Time, aggregate_columns
from reporting_svc.projections.order_summary import OrderSummary
from reporting_svc.projections.timeline import TimelineStep
from reporting_svc.seen import Changed, Placed, Seen

Uuid = pg.UUID(as_uuid=False)
metadata = sa.MetaData()

order_summary = sa.Table(
    "order_summary",
    metadata,
    sa.Column("order_id", Uuid, primary_key=True),
    sa.Column("place_time", Time, comment="empty, with the next seven, until OrderPlaced is read"),
    sa.Column("customer_id", sa.Text),
    sa.Column("currency_code", sa.Text),
    sa.Column("net_minor_units", sa.BigInteger),
    sa.Column("tax_minor_units", sa.BigInteger),
    sa.Column("total_minor_units", sa.BigInteger),
    sa.Column("placed_by_subject", sa.Text),
    sa.Column("placed_by_username", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reservation", sa.Text, nullable=False),
    sa.Column("invoice", sa.Text, nullable=False),
    sa.Column("payment", sa.Text, nullable=False),
    sa.Column("approval", sa.Text, nullable=False),
    sa.Column("deadline_time", Time),
    sa.Column("settlement", sa.Text),
    sa.Column("changed_sequence", sa.BigInteger, nullable=False),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("last_event_id", Uuid, nullable=False),
    sa.Column("last_event_type", sa.Text, nullable=False),
    sa.Column("last_event_time", Time, nullable=False),
    *aggregate_columns(),
)

timeline_step = sa.Table(
    "timeline_step",
    metadata,
    sa.Column("event_id", Uuid, primary_key=True),
    sa.Column("order_id", Uuid, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("producer", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="in the producer's stream of the order"),
    sa.Column("occur_time", Time, nullable=False),
    sa.Column("seen_time", Time, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("causation_id", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    *aggregate_columns(),
)


def _summary_columns(value: OrderSummary) -> Columns:
    placed, changed = value.placed, value.changed
    return {
        "place_time": placed.place_time if placed else None,
        "customer_id": placed.customer_id if placed else None,
        "currency_code": placed.total.currency_code if placed else None,
        "net_minor_units": placed.net.minor_units if placed else None,
        "tax_minor_units": placed.tax.minor_units if placed else None,
        "total_minor_units": placed.total.minor_units if placed else None,
        "placed_by_subject": placed.placed_by_subject if placed else None,
        "placed_by_username": placed.placed_by_username if placed else None,
        "state": changed.state,
        "reservation": changed.reservation,
        "invoice": changed.invoice,
        "payment": changed.payment,
        "approval": changed.approval,
        "deadline_time": changed.deadline_time,
        "settlement": changed.settlement,
        "changed_sequence": value.changed_sequence,
        "cancel_reason": value.cancel_reason,
        "last_event_id": value.last_event_id,
        "last_event_type": value.last_event_type,
        "last_event_time": value.last_event_time,
    }


def _summary(row: Any, _children: list[list[Any]]) -> OrderSummary:
    return OrderSummary(
        order_id=row.order_id,
        placed=_placed(row) if row.place_time else None,
        changed=changed_of(row),
        changed_sequence=row.changed_sequence,
        cancel_reason=row.cancel_reason,
        last_event_id=row.last_event_id,
        last_event_type=row.last_event_type,
        last_event_time=row.last_event_time,
    )


def _placed(row: Any) -> Placed:
    return Placed(
        customer_id=row.customer_id,
        net=Money(row.currency_code, row.net_minor_units),
        tax=Money(row.currency_code, row.tax_minor_units),
        total=Money(row.currency_code, row.total_minor_units),
        placed_by_subject=row.placed_by_subject,
        placed_by_username=row.placed_by_username,
        place_time=row.place_time,
    )


def changed_of(row: Any) -> Changed:
    """Return what order_svc last said of the order, from its row."""
    return Changed(
        state=row.state,
        reservation=row.reservation,
        invoice=row.invoice,
        payment=row.payment,
        approval=row.approval,
        deadline_time=row.deadline_time,
        settlement=row.settlement,
    )


def _step_columns(value: TimelineStep) -> Columns:
    seen = value.seen
    return {
        "order_id": seen.order_id,
        "event_type": seen.event_type,
        "producer": seen.producer,
        "sequence": seen.stream_sequence,
        "occur_time": seen.occur_time,
        "seen_time": value.seen_time,
        "attempts": seen.attempts,
        "causation_id": seen.causation_id,
        "summary": seen.summary,
    }


def _step(row: Any, _children: list[list[Any]]) -> TimelineStep:
    seen = Seen(
        event_id=row.event_id,
        event_type=row.event_type,
        order_id=row.order_id,
        producer=row.producer,
        stream_sequence=row.sequence,
        occur_time=row.occur_time,
        attempts=row.attempts,
        causation_id=row.causation_id,
        summary=row.summary,
    )
    return TimelineStep(seen, row.seen_time)


STORE = Store(
    Mapping(OrderSummary, order_summary, "order_id", _summary_columns, _summary),
    Mapping(TimelineStep, timeline_step, "event_id", _step_columns, _step),
)
