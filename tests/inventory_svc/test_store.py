"""What is saved is what is loaded; what may not be stored is refused by the database itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from chassis import migrate
from chassis.database import make_engine, sqlstate
from chassis.errors import Conflict
from chassis.world import Aggregate, World, keys
from inventory_svc import announcements
from inventory_svc.domain.adjustment import Adjustment, AdjustmentLine
from inventory_svc.domain.announcement import AnnouncedLine, Announcement, OpenAnnouncement
from inventory_svc.domain.backorder import Queue
from inventory_svc.domain.reservation import Reservation, Shipment
from inventory_svc.domain.stock import Movement, MovementReason, Receipt, ReceiptLine, Source, StockItem, movement_to
from inventory_svc.invariants import check
from inventory_svc.store import STORE, adjustment, adjustment_from, metadata, receipt, receipt_from
from tests.inventory_svc.builders import NOON, a_reservation, an_id, an_item


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def _save(connection: sa.Connection, *aggregates: Aggregate) -> World:
    world = World(stream_kinds=frozenset({StockItem, Reservation}))
    for aggregate in aggregates:
        world.put(aggregate, NOON)
    STORE.save(connection, world)
    return world


def _full(number: int) -> Reservation:
    order = a_reservation(number, ("A", 3), ("B", 2))
    held = replace(order, lines=(order.lines[0].took(3, NOON), order.lines[1].took(1, NOON)), priority=4)
    return held.confirmed().with_shipment(Shipment(an_id(99), ((1, 3), (2, 1)), is_done=True))


@pytest.mark.parametrize(
    "order",
    [
        _full(1),
        _full(1).prioritized(7, NOON),
        _full(1).released_held(),
        a_reservation(1, ("A", 1)).rejected(),
        Reservation(an_id(1)).confirmed(),
        Reservation(an_id(1)).cancelled(None),
        a_reservation(1, ("A", 1)).cancelled(None).with_shipment(Shipment(an_id(98), ((1, 1),))),
    ],
)
def test_a_reservation_comes_back_as_it_was(connection: sa.Connection, order: Reservation) -> None:
    _save(connection, order)
    world = STORE.load(connection, keys(Reservation, [order.order_id]))
    assert world.find(Reservation, order.order_id) == order
    assert world.version(order) == 1


def test_items_and_receipts_come_back_as_they_were(connection: sa.Connection) -> None:
    item = an_item("A", on_hand=5, reserved=5, backordered=2, movement_count=3)
    receipts = [Receipt(an_id(n), "PO-1", (ReceiptLine("A", n),), (an_id(7), an_id(8))[: n - 1]) for n in (1, 2, 3)]
    _save(connection, item, *receipts)
    assert STORE.load(connection, keys(StockItem, ["A"])).find(StockItem, "A") == item
    rows = connection.execute(sa.select(receipt).order_by(receipt.c.receipt_id))
    assert [receipt_from(row) for row in rows] == receipts


def test_adjustments_come_back_as_they_were(connection: sa.Connection) -> None:
    lines = (AdjustmentLine("B", -2), AdjustmentLine("A", 3))
    made = Adjustment(an_id(1), MovementReason.RETURN, "came back", lines, (an_id(8), an_id(7)))
    _save(connection, made)
    assert adjustment_from(connection.execute(sa.select(adjustment)).one()) == made


def test_an_update_keeps_lines_and_moves_the_version(connection: sa.Connection) -> None:
    _save(connection, _full(1), a_reservation(2, ("A", 1)))
    world = STORE.load(connection, keys(Reservation, [an_id(1), an_id(2)]))
    for order in world.all(Reservation):
        world.put(order.cancelled(None), NOON)
    STORE.save(connection, world)
    again = STORE.load(connection, keys(Reservation, [an_id(1), an_id(2)]))
    assert again.all(Reservation) == world.all(Reservation)
    assert again.version(again.all(Reservation)[0]) == 2


def test_a_queue_is_all_who_wait_for_the_sku_and_nobody_else(connection: sa.Connection) -> None:
    waits, elsewhere = a_reservation(1, ("A", 3), ("C", 1)), a_reservation(2, ("B", 2))
    complete = replace(waits, order_id=an_id(3), lines=tuple(line.took(line.quantity) for line in waits.lines))
    closed = [a_reservation(4, ("A", 1)).cancelled(None), a_reservation(5, ("A", 1)).rejected()]
    _save(connection, an_item("A"), waits, elsewhere, complete, *closed)
    world = STORE.load(connection, keys(StockItem, ["A"]) | keys(Queue, ["A"]) | keys(Reservation, [an_id(2)]))
    assert world.all(Reservation) == [waits, elsewhere]
    assert world.streams.keys() == {"A", an_id(1), an_id(2)}


def _movement(quantity: int = 5) -> Movement:
    source = Source(MovementReason.RECEIPT, an_id(2), "cause")
    return movement_to(an_item("A", on_hand=5, movement_count=1), quantity, source, an_id(1))


@pytest.mark.parametrize("statement", ["UPDATE stock_movement SET quantity = 1", "DELETE FROM stock_movement"])
def test_a_movement_cannot_be_changed(connection: sa.Connection, statement: str) -> None:
    _save(connection, an_item("A", on_hand=5), _movement())
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        connection.execute(sa.text(statement))
    assert sqlstate(refused.value) == "42501"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("reserved = 6", "stock_item_reserved"),
        ("reserved = -1", "stock_item_reserved"),
        ("backordered = 1", "stock_item_nothing_free_while_waiting"),
        ("backordered = 2, backordered_whole = 1", "stock_item_nothing_free_while_waiting"),
        ("backordered = 1, backordered_whole = 2", "stock_item_backordered_whole"),
    ],
)
def test_an_impossible_stock_is_refused_by_the_database(connection: sa.Connection, change: str, constraint: str) -> None:
    _save(connection, an_item("A", on_hand=5))
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        connection.execute(sa.text(f"UPDATE stock_item SET {change}"))  # noqa: S608 - literals of this test


def test_one_source_moves_a_line_once(connection: sa.Connection) -> None:
    _save(connection, an_item("A", on_hand=5), _movement())
    with pytest.raises(Conflict, match="stock_movement"):
        _save(connection, replace(_movement(), movement_id=an_id(3)))


def test_the_first_revision_makes_the_tables_of_the_store_and_can_be_taken_back(
    new_database: Callable[[str], str],
) -> None:
    url = new_database("inventory")
    migrate.upgrade("inventory_svc", url)
    engine = make_engine(url, name="test", pool_size=2)
    found = sa.MetaData()
    found.reflect(engine)
    for table in (*metadata.sorted_tables, *announcements.metadata.sorted_tables):
        wanted = {(c.name, c.nullable) for c in table.columns}
        assert {(c.name, c.nullable) for c in found.tables[table.name].columns} == wanted
    migrate.downgrade("inventory_svc", url)
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    migrate.upgrade("inventory_svc", url)
    engine.dispose()


OLD_ROWS = """
    INSERT INTO stock_item VALUES ('A', 'lamp', 'MAIN', 'EUR', 1, 5, 5, 2, 3, 1, now(), now());
    INSERT INTO reservation VALUES (:first, 'RESERVED', 0, now(), '', '', false, false, false, '[]', 1, 1, now(), now());
    INSERT INTO reservation VALUES (:second, 'BACKORDERED', 4, now(), '', '', false, false, false, '[]', 1, 1, now(), now());
    INSERT INTO reservation_line VALUES (:first, 1, 'A', 3, 3, 0, 0), (:second, 1, 'A', 4, 2, 0, 2);
    INSERT INTO reservation_line VALUES (:second, 2, 'A', 0, 0, 0, 0)
"""


def test_the_third_revision_takes_over_who_waits_and_can_be_taken_back(new_database: Callable[[str], str]) -> None:
    url = new_database("inventory")
    migrate.upgrade("inventory_svc", url, "0001")
    engine = make_engine(url, name="test", pool_size=2)
    with engine.begin() as connection:
        for statement in OLD_ROWS.split(";"):
            given = {"first": an_id(1), "second": an_id(2)}
            connection.execute(sa.text(statement), {name: given[name] for name in given if f":{name}" in statement})
    migrate.upgrade("inventory_svc", url)
    with engine.begin() as connection:
        rows = connection.execute(
            sa.text("SELECT turn, is_queued, is_whole FROM reservation_line ORDER BY order_id, line_number")
        )
        assert [tuple(row) for row in rows] == [(0, False, False), (-4, True, False), (-4, True, False)]
        assert {f.name for f in check(connection) if f.wrong} == {"I7.stock", "I7.value"}, "the test made no movement"
    migrate.downgrade("inventory_svc", url, "0001")
    migrate.upgrade("inventory_svc", url)
    engine.dispose()


def test_what_is_open_under_a_reference_is_loaded_and_only_one_can_be(connection: sa.Connection) -> None:
    first = Announcement(an_id(1), "PO-1", NOON, (AnnouncedLine("A", 5), AnnouncedLine("B", 2)))
    _save(connection, first, replace(first, announcement_id=an_id(2), receipt_id=an_id(9)))
    world = STORE.load(connection, keys(OpenAnnouncement, ["PO-1", "PO-2"]))
    assert world.all(Announcement) == [first]
    assert announcements.open_under(world, "PO-1") == first
    assert announcements.open_under(world, "PO-2") is None
    _save(connection, replace(first, announcement_id=an_id(3)))
    with pytest.raises(sa.exc.IntegrityError, match="announcement_open_once"):
        connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
