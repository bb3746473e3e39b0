"""The promises of the chassis about its own tables, as an auditor reads them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from chassis import parking
from chassis.application import Finding
from chassis.handling import Service
from chassis.outbox import IS_PENDING, with_publication
from chassis.tables import dead_letter, outbox, parked_event

PENDING_SECONDS = 60
OVERDUE_SECONDS = 120
SHOWN = 25


def check(connection: sa.Connection, service: Service) -> list[Finding]:
    """Look at the outbox, the streams and the parking lot."""
    return [
        _published(connection, service),
        _contiguous(connection),
        _tried(connection, service.name),
        _decided(connection, service.name),
    ]


def _published(connection: sa.Connection, service: Service) -> Finding:
    """Find events that wait too long. Their times are the sandbox clock's, so the age is measured by it too."""
    limit = service.clock.now() - timedelta(seconds=PENDING_SECONDS)
    late = sa.select(outbox.c.id, outbox.c.event_type, outbox.c.topic, outbox.c.stream_key).select_from(with_publication())
    late = late.where(IS_PENDING, outbox.c.occur_time < limit)
    rows = connection.execute(late.order_by(outbox.c.id).limit(SHOWN)).all()
    wrong = [f"{row.event_type} of {row.stream_key} on {row.topic} is not published" for row in rows]
    statement = f"Every committed event is published within {PENDING_SECONDS} s."
    return Finding("I3", statement, _count(connection, outbox), tuple(wrong))


def _contiguous(connection: sa.Connection) -> Finding:
    """Find streams with a gap among the retained events; (topic, key, number) is unique by a constraint."""
    sequence = outbox.c.stream_sequence
    streams = (
        sa.select(
            outbox.c.topic,
            outbox.c.stream_key,
            sa.func.count().label("held"),
            sa.func.min(sequence).label("first"),
            sa.func.max(sequence).label("last"),
        )
        .where(sequence.is_not(None))
        .group_by(outbox.c.topic, outbox.c.stream_key)
        .subquery()
    )
    broken = sa.or_(streams.c.last - streams.c.first + 1 != streams.c.held, streams.c.first < 1)
    rows = connection.execute(sa.select(streams).where(broken).order_by(streams.c.stream_key).limit(SHOWN)).all()
    wrong = [f"{r.topic} {r.stream_key} holds {r.held} events from {r.first} to {r.last}" for r in rows]
    statement = "The numbers of every stream are contiguous, as far back as the outbox reaches."
    return Finding("I5", statement, _count(connection, streams), tuple(wrong))


def _tried(connection: sa.Connection, handler: str) -> Finding:
    """Find parked events that nobody tries although they are due; those behind another are not due yet."""
    limit = sa.func.now() - sa.text(f"interval '{OVERDUE_SECONDS} seconds'")
    mine = parked_event.c.handler == handler
    overdue = sa.select(parked_event).where(mine, parked_event.c.state == parking.PARKED, parked_event.c.next_time < limit)
    rows = connection.execute(overdue.order_by(parked_event.c.id).limit(SHOWN)).all()
    wrong = [f"parked event {row.id} of {row.stream_key} on {row.topic} is overdue" for row in rows]
    statement = f"Every parked event is tried again within {OVERDUE_SECONDS} s of its time."
    return Finding("I11a", statement, _count(connection, parked_event, mine), tuple(wrong))


def _decided(connection: sa.Connection, handler: str) -> Finding:
    mine = dead_letter.c.handler == handler
    dead = sa.select(dead_letter).where(mine, dead_letter.c.state == parking.DEAD)
    rows = connection.execute(dead.order_by(dead_letter.c.id).limit(SHOWN)).all()
    wrong = [f"dead letter {row.id} of {row.stream_key or 'no key'} on {row.topic} waits for a person" for row in rows]
    return Finding("I11b", "No dead letter waits for a person.", _count(connection, dead_letter, mine), tuple(wrong))


def _count(connection: sa.Connection, source: sa.FromClause, *terms: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(source).where(*terms)).scalar_one()
