"""The audit: a row for each call that had its effect, written with it; append-only by trigger and grant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from chassis.database import insert_rows
from chassis.tables import audit_log
from chassis.world import Actor

MAX_RESOURCE = 500
Columns = dict[str, object]


class Trail(Protocol):
    """Who acted, and where that belongs: a call, or what caused an event."""

    @property
    def actor(self) -> Actor:
        """Who acted."""
        ...

    @property
    def correlation_id(self) -> str:
        """The same for everything that one request from outside caused."""
        ...

    @property
    def traceparent(self) -> str:
        """The trace context."""
        ...


def entry(trail: Trail, method: str, resource: Sequence[str], comment: str, at: datetime) -> Columns:
    """Return the row of a call. `resource` is what it named and made: ids, SKUs, references."""
    return {
        "actor": trail.actor.key,
        "client": trail.actor.client,
        "method": method,
        "resource": _whole_names(",".join(resource)),
        "comment": comment,
        "correlation_id": trail.correlation_id,
        "traceparent": trail.traceparent,
        "time": at,
    }


def _whole_names(resource: str) -> str:
    """Keep as many names as there is room for, the last of them whole, so that each that is kept can be searched for."""
    if len(resource) <= MAX_RESOURCE:
        return resource
    return resource[: MAX_RESOURCE + 1].rpartition(",")[0] or resource[:MAX_RESOURCE]


def append(connection: sa.Connection, entries: Sequence[Columns]) -> None:
    """Write rows, in their order, in the transaction of what they tell of."""
    insert_rows(connection, audit_log, entries)
