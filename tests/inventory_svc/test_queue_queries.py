"""What those who wait may expect, read from the database; and what operators do with them, over their commands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from atlas.inventory.v1 import announcement_pb2, reservation_pb2
from chassis.errors import InvalidPageToken, NotFound
from chassis.values import time, time_message
from chassis.world import Actor
from inventory_svc import invariants
from inventory_svc.domain.errors import UnknownItems
from inventory_svc.queue_queries import QueueReads, get_announcement
from tests.inventory_svc.builders import NOON
from tests.inventory_svc.counter import (
    OPS,
    Counter,
    Order,
    a_buyer,
    a_priority,
    a_receipt,
    a_release,
    an_announcement,
    an_order,
)

ANN = a_buyer("ann")
NOWHERE = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """An item of this test alone."""
    return f"w{abs(hash(request.node.nodeid)) % 10**9}"


def _ask(counter: Counter, name: str, request: Any, actor: Actor = OPS) -> Any:
    edge = counter.application.edge()
    with counter.application.database.begin() as connection:
        return getattr(QueueReads(edge.pager, edge.service.clock), name)(connection, request, actor)


def _backorders(counter: Counter, sku: str, actor: Actor = OPS) -> list[Any]:
    return list(_ask(counter, "list_backorders", reservation_pb2.ListBackordersRequest(sku=sku), actor).backorders)


def _availability(counter: Counter, *wants: tuple[str, int]) -> list[tuple[int, datetime | None]]:
    request = announcement_pb2.GetAvailabilityRequest()
    for sku, quantity in wants:
        request.lines.add(sku=sku, quantity=quantity)
    answer = _ask(counter, "get_availability", request)
    assert answer.as_of == time_message(counter.clock.now())
    return [(line.available_now, _expected(line)) for line in answer.lines]


def _expected(message: Any) -> datetime | None:
    return time(message.expected_time) if message.HasField("expected_time") else None


def _in(days: int) -> datetime:
    return NOON + timedelta(days=days)


def _holds(counter: Counter) -> None:
    with counter.application.database.connect() as connection:
        assert [finding for finding in invariants.check(connection) if finding.wrong] == []


def _mutual(counter: Counter, sku: str) -> tuple[Order, Order]:
    """The first stands ahead and holds all of one item, the second all of the other; each misses what the other holds."""
    left, right = f"{sku}-l", f"{sku}-r"
    counter.create(left, on_hand=2)
    counter.create(right)
    second, first = an_order((left, 2), (right, 2), minute=5), an_order((left, 2), (right, 2), minute=1)
    counter.publish(second.placed(), first.placed())
    counter.receive((right, 2))
    return first, second


def test_a_waiting_line_expects_the_announcement_that_completes_it(counter: Counter, sku: str) -> None:
    counter.create(sku, on_hand=1)
    orders = [an_order((sku, quantity), minute=minute) for minute, quantity in enumerate((3, 2, 4), 1)]
    counter.do(an_announcement(f"{sku}-2", _in(2), (sku, 2)))
    counter.do(an_announcement(f"{sku}-1", _in(1), (sku, 2)))
    for order in orders:
        counter.clock.advance(timedelta(seconds=30))
        counter.publish(order.placed())
    told = [counter.published(order.order_id)[0].lines[0] for order in orders]
    assert [_expected(line) for line in told] == [_in(1), _in(2), None]
    found = _backorders(counter, sku)
    assert [(b.queue_position, _expected(b)) for b in found] == [(1, _in(1)), (2, _in(2)), (3, None)]
    assert [b.waiting_seconds for b in found] == [30, 0, 0]
    assert _availability(counter, (sku, 1)) == [(0, None)]
    counter.do(an_announcement(f"{sku}-3", _in(3), (sku, 6)))
    assert [_expected(b) for b in _backorders(counter, sku)] == [_in(1), _in(2), _in(3)]
    assert _availability(counter, (sku, 1), (sku, 1), (sku, 1)) == [(0, _in(3)), (0, _in(3)), (0, None)]


def test_what_is_free_is_available_and_the_rest_is_expected(counter: Counter, sku: str) -> None:
    other = f"{sku}-o"
    counter.create(sku, on_hand=5)
    counter.create(other)
    counter.do(an_announcement(sku, _in(4), (sku, 3), (other, 1)))
    assert _availability(counter, (sku, 4), (sku, 3), (other, 2), (sku, 9)) == [
        (4, None),
        (1, _in(4)),
        (0, None),
        (0, None),
    ]
    with pytest.raises(UnknownItems) as unknown:
        _availability(counter, (sku, 1), ("nothing", 1))
    assert [violation.field for violation in unknown.value.violations] == ["lines[1].sku"]


def test_a_receipt_and_a_new_announcement_change_what_is_expected(counter: Counter, sku: str) -> None:
    counter.create(sku)
    counter.publish(an_order((sku, 2)).placed())
    first = counter.do(an_announcement(sku, _in(1), (sku, 2))).announcement
    counter.do(an_announcement(sku, _in(7), (sku, 2)))
    assert [_expected(b) for b in _backorders(counter, sku)] == [_in(7)]
    counter.do(a_receipt((sku, 1), reference=sku))
    assert [(b.quantity_missing, _expected(b)) for b in _backorders(counter, sku)] == [(1, None)]
    listed = _ask(counter, "list_announcements", announcement_pb2.ListAnnouncementsRequest(reference=sku)).announcements
    states = announcement_pb2.AnnouncementState
    assert sorted(a.state for a in listed) == [states.ANNOUNCEMENT_STATE_RECEIVED, states.ANNOUNCEMENT_STATE_REPLACED]
    with counter.application.database.begin() as connection:
        request = announcement_pb2.GetAnnouncementRequest(announcement_id=first.announcement_id)
        replaced = get_announcement(connection, request, OPS).announcement
        assert replaced.replaced_by in {a.announcement_id for a in listed}
        with pytest.raises(NotFound):
            get_announcement(connection, announcement_pb2.GetAnnouncementRequest(announcement_id=NOWHERE), OPS)


def test_the_held_part_of_one_order_completes_the_other(counter: Counter, sku: str) -> None:
    first, second = _mutual(counter, sku)
    left, right = f"{sku}-l", f"{sku}-r"
    holds = {b.order_id: list(b.mutual_hold_with) for b in _backorders(counter, left) + _backorders(counter, right)}
    assert holds == {first.order_id: [second.order_id], second.order_id: [first.order_id]}
    reservation = counter.do(a_release(first)).reservation
    assert (reservation.waits_whole, [line.held for line in reservation.lines]) == (True, [0, 0])
    assert counter.kinds(second.order_id)[-1] == "InventoryReserved"
    assert counter.kinds(first.order_id)[-1] == "InventoryReleased"
    waiting = _backorders(counter, left) + _backorders(counter, right)
    assert [(b.order_id, b.waits_whole, list(b.mutual_hold_with)) for b in waiting] == 2 * [(first.order_id, True, [])]
    assert list(counter.receive((left, 3)).completed_order_ids) == []
    _holds(counter)
    assert _availability(counter, (left, 2), (right, 1)) == [(2, None), (0, None)]
    assert list(counter.receive((right, 2)).completed_order_ids) == [first.order_id]
    _holds(counter)


def test_who_takes_all_or_nothing_expects_the_day_on_which_everything_is_there(counter: Counter, sku: str) -> None:
    first, _ = _mutual(counter, sku)
    left, right = f"{sku}-l", f"{sku}-r"
    counter.do(a_release(first))
    small = an_order((left, 3), minute=9)
    counter.publish(small.placed())
    counter.do(an_announcement(f"{sku}-1", _in(1), (left, 2)))
    counter.do(an_announcement(f"{sku}-2", _in(2), (right, 2), (left, 1)))
    counter.do(an_announcement(f"{sku}-3", _in(3), (left, 2)))
    assert [(b.order_id, _expected(b)) for b in _backorders(counter, left)] == [
        (first.order_id, _in(3)),
        (small.order_id, _in(2)),
    ]
    assert [_expected(b) for b in _backorders(counter, right)] == [_in(3)]
    assert _availability(counter, (left, 1)) == [(0, None)]
    together = _availability(counter, (right, 1), (left, 1))
    assert together == [(0, _in(2)), (0, _in(3))], "what it takes of one, the order ahead lacks, and leaves the other"


def test_a_batch_that_moves_an_order_and_receives_serves_it_at_its_new_place(counter: Counter, sku: str) -> None:
    counter.create(sku)
    orders = [an_order((sku, 2), minute=minute) for minute in (1, 2, 3)]
    counter.publish(*[order.placed() for order in orders])
    moved, received = counter.run(a_priority(orders[2], 5), a_receipt((sku, 2)))
    assert moved.error is None
    assert moved.response.reservation.priority == 5  # type: ignore[union-attr]
    assert list(received.response.receipt.completed_order_ids) == [orders[2].order_id]  # type: ignore[union-attr]
    counter.clock.advance(timedelta(seconds=1))
    counter.do(a_priority(orders[1], 1))
    found = _backorders(counter, sku)
    assert [(b.order_id, b.priority, b.queue_position) for b in found] == [
        (orders[1].order_id, 1, 1),
        (orders[0].order_id, 0, 2),
    ]
    _holds(counter)


def test_pages_of_backorders_follow_the_queue_and_are_the_callers_own(counter: Counter, sku: str) -> None:
    counter.create(sku)
    orders = [an_order((sku, 1), by="ann", minute=minute) for minute in range(5)]
    counter.publish(*[order.placed() for order in orders])
    counter.do(a_priority(orders[3], 9))
    request, seen = reservation_pb2.ListBackordersRequest(sku=sku, page_size=2), []
    for _ in range(3):
        page = _ask(counter, "list_backorders", request, ANN)
        seen += [(b.order_id, b.queue_position) for b in page.backorders]
        request.page_token = page.next_page_token
    assert seen == [(orders[n].order_id, place) for place, n in enumerate((3, 0, 1, 2, 4), 1)]
    first = _ask(counter, "list_backorders", reservation_pb2.ListBackordersRequest(sku=sku, page_size=2), ANN)
    request.page_token = first.next_page_token
    others = announcement_pb2.ListAnnouncementsRequest(page_token=request.page_token)
    for name, wrong, actor in (
        ("list_backorders", request, OPS),
        ("list_backorders", reservation_pb2.ListBackordersRequest(sku=sku, page_token="garbage"), ANN),
        ("list_announcements", others, ANN),
    ):
        with pytest.raises(InvalidPageToken):
            _ask(counter, name, wrong, actor)


@pytest.mark.parametrize("repeats", [1, 3])
def test_race_3_a_cancel_that_is_read_before_its_order_leaves_a_tombstone_that_holds_nothing(
    counter: Counter, sku: str, repeats: int
) -> None:
    counter.create(sku, on_hand=2)
    gone, waits = an_order((sku, 2), minute=1), an_order((sku, 3), minute=2)
    counter.publish(waits.placed(), *(repeats * [gone.cancelled(), gone.placed()]))
    assert counter.kinds(gone.order_id) == ["InventoryReleased"]
    assert [(b.order_id, b.quantity_missing) for b in _backorders(counter, sku)] == [(waits.order_id, 1)]
    _holds(counter)
