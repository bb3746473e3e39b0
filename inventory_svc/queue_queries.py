"""The reads of those who wait and of what they wait for: SQL to response, without a lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from atlas.inventory.v1 import announcement_pb2, reservation_pb2
from chassis.calls import visible_to
from chassis.clock import Clock
from chassis.errors import NotFound
from chassis.paging import Pager
from chassis.world import Actor, Row
from inventory_svc import wire
from inventory_svc.announcements import announcement, announcement_from
from inventory_svc.domain import backorder
from inventory_svc.domain.errors import UnknownItems
from inventory_svc.domain.expectation import foresee, foresee_new
from inventory_svc.domain.reservation import Reservation
from inventory_svc.store import QUEUES, item_from, reservation, reservation_line, stock_item


def get_announcement(
    connection: sa.Connection, request: announcement_pb2.GetAnnouncementRequest, actor: Actor
) -> announcement_pb2.GetAnnouncementResponse:
    """Read one announcement."""
    statement = sa.select(announcement).where(announcement.c.announcement_id == request.announcement_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no announcement {request.announcement_id}")
    return announcement_pb2.GetAnnouncementResponse(announcement=_announcement(row))


def _announcement(row: Any) -> announcement_pb2.Announcement:
    known = Row(announcement_from(row), row.version, create_time=row.create_time, update_time=row.update_time)
    return wire.announcement_message(known)


class QueueReads:
    """The lists, which page, and the answers that name a time."""

    def __init__(self, pager: Pager, clock: Clock) -> None:
        self._pager = pager
        self._clock = clock

    def list_announcements(
        self, connection: sa.Connection, request: announcement_pb2.ListAnnouncementsRequest, actor: Actor
    ) -> announcement_pb2.ListAnnouncementsResponse:
        """List announcements, newest first."""
        statement, columns = sa.select(announcement), announcement.c
        if request.HasField("reference"):
            statement = statement.where(columns.reference == request.reference)
        if request.state:
            statement = statement.where(columns.state.in_([wire.announcement_state_name(state) for state in request.state]))
        page = self._pager.page(request, actor)
        rows, token = page.select(connection, statement, columns.create_time.desc(), columns.announcement_id.desc())
        found = [_announcement(row) for row in rows]
        return announcement_pb2.ListAnnouncementsResponse(announcements=found, next_page_token=token)

    def get_availability(
        self, connection: sa.Connection, request: announcement_pb2.GetAvailabilityRequest, actor: Actor
    ) -> announcement_pb2.GetAvailabilityResponse:
        """Say what a new order would get: let it join the queues as they are, and forget it."""
        _see_one_moment(connection)
        lines = wire.wanted_lines(request)
        skus = {line.sku for line in lines}
        rows = connection.execute(sa.select(stock_item).where(_one_of(stock_item.c.sku, sorted(skus))))
        stock = {row.sku: item_from(row) for row in rows}
        unknown = [(place, line.sku) for place, line in enumerate(lines) if line.sku not in stock]
        if unknown:
            raise UnknownItems(unknown)
        now = self._clock.now()
        joined, after = backorder.join(Reservation("", lines=lines), stock, now)
        expected = foresee_new(QUEUES.tail(connection, skus), joined.lines, after)
        return wire.availability(now, joined.lines, expected)

    def list_backorders(
        self, connection: sa.Connection, request: reservation_pb2.ListBackordersRequest, actor: Actor
    ) -> reservation_pb2.ListBackordersResponse:
        """List the waiting lines of orders that the caller may see, by item and in queue order."""
        page = self._pager.page(request, actor)
        _see_one_moment(connection)
        line = reservation_line.c
        statement = _waiting().where(*visible_to(actor, reservation.c.placed_by))
        if request.HasField("sku"):
            statement = statement.where(line.sku == request.sku)
        order = [column.asc() for column in (line.sku, line.turn, line.place_time, line.order_id, line.line_number)]
        rows, token = page.select(connection, statement, *order)
        found = [self._backorder(row, *about) for row, *about in _about(connection, rows, actor)]
        return reservation_pb2.ListBackordersResponse(backorders=found, next_page_token=token)

    def _backorder(self, row: Any, position: int, expected: Any, holds: list[str]) -> reservation_pb2.Backorder:
        now = self._clock.now()
        return wire.backorder_message(row, position=position, now=now, expected=expected, mutual_hold_with=holds)


def _see_one_moment(connection: sa.Connection) -> None:
    """Let all statements of this read see the same state. It has to be the first of its transaction."""
    connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def _one_of(column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam(None, list(values), type_=pg.ARRAY(column.type), unique=True))


def _waiting() -> sa.Select[Any]:
    """Return every waiting line with its order; the queues stand in an index, by item and place."""
    line, order = reservation_line.c, reservation.c
    mine = (line.order_id, line.line_number, line.sku, line.waiting, line.turn, line.place_time)
    about = (order.priority, order.waits_whole, order.placed_by, order.version, order.create_time, order.update_time)
    return sa.select(*mine, *about).join(reservation, order.order_id == line.order_id).where(line.waiting > 0)


def _about(connection: sa.Connection, rows: Sequence[Any], actor: Actor) -> list[tuple[Any, ...]]:
    """Return each waiting line with its position, its expected time, and who it holds in return."""
    if not rows:
        return []
    wanted = {(row.order_id, row.line_number): (row.sku, (row.turn, row.place_time, row.order_id)) for row in rows}
    ahead = QUEUES.lines(connection, wanted)
    times = zip(ahead.keys, foresee(ahead.outlook), strict=True)
    expected = {key: time for keys, time in times for key in keys}
    holds = _mutual_holds(connection, [row.order_id for row in rows], actor)
    return [(row, ahead.marks[key].position, expected[key], holds[key]) for row, key in zip(rows, wanted, strict=True)]


def _mutual_holds(connection: sa.Connection, order_ids: Sequence[str], actor: Actor) -> defaultdict[tuple[str, int], list[str]]:
    """Return, for waiting lines of these orders, who holds what they miss and misses what their order holds.

    Only those who wait themselves can be among them, and only orders that hold something have any.
    """
    miss, my_hold = reservation_line.alias("miss").c, reservation_line.alias("my_hold").c
    hold, their_miss = reservation_line.alias("hold").c, reservation_line.alias("their_miss").c
    statement = (
        sa.select(miss.order_id, miss.line_number, hold.order_id.label("other"))
        .distinct()
        .where(_one_of(miss.order_id, order_ids), miss.waiting > 0)
        .where(my_hold.order_id == miss.order_id, my_hold.held > 0)
        .where(hold.sku == miss.sku, hold.held > 0, hold.is_queued, hold.order_id != miss.order_id)
        .where(their_miss.order_id == hold.order_id, their_miss.sku == my_hold.sku, their_miss.waiting > 0)
        .where(reservation.c.order_id == hold.order_id, *visible_to(actor, reservation.c.placed_by))
        .order_by(miss.order_id, miss.line_number, hold.order_id)
    )
    found: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.order_id, row.line_number].append(row.other)
    return found
