"""The clock, the invariants and the rewind of a service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from atlas.ops.v1 import upkeep_pb2
from chassis import ops_invariants
from chassis.application import Application, Finding
from chassis.clock import SandboxClock
from chassis.errors import VersionMismatch
from chassis.tables import sandbox_clock
from chassis.values import time_message
from chassis.world import Actor

MAX_FINDINGS = 25


def get_clock(connection: sa.Connection, request: upkeep_pb2.GetClockRequest, actor: Actor) -> upkeep_pb2.GetClockResponse:
    """Read the clock as it is stored; one that was never moved is real time, at version 1."""
    row = connection.execute(sa.select(sandbox_clock)).one_or_none()
    return upkeep_pb2.GetClockResponse(clock=_clock(row) if row else upkeep_pb2.Clock(now=_now(0), version=1))


def advance_clock(connection: sa.Connection, *, request: upkeep_pb2.AdvanceClockRequest) -> upkeep_pb2.AdvanceClockResponse:
    """Store a larger offset."""
    new = pg.insert(sandbox_clock).values(id=1, offset_seconds=0)
    connection.execute(new.on_conflict_do_nothing())
    row = connection.execute(sa.select(sandbox_clock).with_for_update()).one()
    if request.HasField("expected_version") and request.expected_version != row.version:
        raise VersionMismatch(f"the current version is {row.version}")
    moved = sa.update(sandbox_clock).values(
        offset_seconds=row.offset_seconds + request.seconds, version=row.version + 1, update_time=sa.func.now()
    )
    return upkeep_pb2.AdvanceClockResponse(clock=_clock(connection.execute(moved.returning(sandbox_clock)).one()))


def _clock(row: sa.Row[Any]) -> upkeep_pb2.Clock:
    return upkeep_pb2.Clock(
        now=_now(row.offset_seconds),
        offset_seconds=row.offset_seconds,
        version=row.version,
        create_time=time_message(row.create_time),
        update_time=time_message(row.update_time),
    )


def _now(offset_seconds: int) -> Any:
    return time_message(SandboxClock(timedelta(seconds=offset_seconds)).now())


def rewound(connection: sa.Connection, *, app: Application) -> upkeep_pb2.RewindConsumerResponse:
    """Describe the consumer that is about to start again."""
    group = upkeep_pb2.ConsumerGroup(
        group_id=app.blueprint.identity, topics=app.consumer.topics, rewind_time=time_message(datetime.now(UTC))
    )
    return upkeep_pb2.RewindConsumerResponse(consumer_group=group)


def check_invariants(app: Application) -> upkeep_pb2.CheckInvariantsResponse:
    """Check the service's own invariants and the chassis's on one snapshot of the database."""
    snapshot = app.database.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with snapshot.begin() as connection:
        findings = [*app.blueprint.invariants(connection), *ops_invariants.check(connection, app.service)]
    invariants = [_invariant(finding) for finding in findings]
    return upkeep_pb2.CheckInvariantsResponse(
        as_of=time_message(app.service.clock.now()),
        holds=all(invariant.holds for invariant in invariants),
        invariants=invariants,
    )


def _invariant(finding: Finding) -> upkeep_pb2.Invariant:
    return upkeep_pb2.Invariant(
        name=finding.name,
        statement=finding.statement,
        holds=not finding.wrong,
        checked=finding.checked,
        findings=finding.wrong[:MAX_FINDINGS],
    )
