"""Orders come back from PostgreSQL as they were, and the state column is what the facts derive."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
import sqlalchemy as sa

from chassis import migrate
from chassis.application import Application
from chassis.errors import Conflict
from chassis.money import Money
from chassis.world import World, keys
from order_svc import invariants
from order_svc.domain import order as orders
from order_svc.domain.facts import BillingClosed, Fact, Outcome
from order_svc.domain.order import Fulfillment, Order
from order_svc.store import STORE
from order_svc.store import orders as orders_table
from tests.order_svc.builders import (
    BACKORDERED,
    BUYER,
    DECLINED_FINALLY,
    GRANTED,
    INVOICED,
    LATER,
    NOT_REQUIRED,
    NOW,
    PAID,
    PAYMENT_ID,
    REJECTED,
    RELEASED,
    REQUESTED,
    RESERVED,
    UNKNOWN,
    UNKNOWN_ITEM,
    VOIDED,
    a_line,
    an_order,
    lines,
)

CLOSED = BillingClosed(Outcome.REFUNDED, 2, frozenset({PAYMENT_ID}), (Money("EUR", 3_600), Money("USD", 1)))


def _fresh(*known: Fact) -> Order:
    return an_order(*known, order_id=str(uuid.uuid4()), priced=lines(a_line(), a_line("DESK-02", 10, 2_390)))


def _save(service: Application, *aggregates: Order | Fulfillment) -> None:
    with service.database.begin() as connection:
        stored = keys(Order, [a.key for a in aggregates if isinstance(a, Order)])
        world = STORE.load(connection, stored)
        for aggregate in aggregates:
            world.put(aggregate, NOW)
        STORE.save(connection, world)


def _load(service: Application, order_id: str) -> World:
    with service.database.begin() as connection:
        return STORE.load(connection, keys(Order, [order_id]))


@pytest.mark.parametrize(
    "known",
    [
        (),
        (BACKORDERED,),
        (RESERVED, INVOICED, UNKNOWN, REQUESTED),
        (RESERVED, INVOICED, DECLINED_FINALLY),
        (RESERVED, INVOICED, PAID, REQUESTED, GRANTED),
        (RESERVED, INVOICED, VOIDED, RELEASED, CLOSED),
        (UNKNOWN_ITEM, REJECTED),
    ],
    ids=range(7),
)
def test_an_order_comes_back_as_it_was(order_service: Application, known: tuple[Fact, ...]) -> None:
    order = _fresh(*known)
    _save(order_service, order)
    assert _load(order_service, order.order_id).find(Order, order.order_id) == order


def test_a_changed_order_replaces_the_old_one_and_its_version_moves(order_service: Application) -> None:
    order = _fresh(RESERVED, INVOICED, NOT_REQUIRED, PAID)
    _save(order_service, order)
    shipped, fulfillment, _ = orders.fulfill(order, (), fulfillment_id=str(uuid.uuid4()), tracking_reference="DHL-1", now=LATER)
    _save(order_service, shipped, fulfillment)
    world = _load(order_service, order.order_id)
    assert world.find(Order, order.order_id) == shipped
    assert world.version(shipped) == 2
    with order_service.database.begin() as connection:
        again = STORE.load(connection, keys(Fulfillment, [fulfillment.fulfillment_id]))
    assert again.find(Fulfillment, fulfillment.fulfillment_id) == fulfillment


def test_the_columns_for_searching_are_what_the_facts_derive(order_service: Application) -> None:
    order, _ = orders.cancel(_fresh(RESERVED), "FRAUD", BUYER, LATER)
    _save(order_service, order)
    with order_service.database.begin() as connection:
        row = connection.execute(sa.select(orders_table).where(orders_table.c.order_id == order.order_id)).one()
    assert (row.state, row.settlement, row.deadline_time) == ("CANCELLED", "PENDING", None)


def test_an_order_that_someone_else_made_meanwhile_is_a_conflict(order_service: Application) -> None:
    order = _fresh()
    world = World()
    world.put(order, NOW)
    _save(order_service, order)
    with pytest.raises(Conflict), order_service.database.begin() as connection:
        STORE.save(connection, world)


def test_the_invariants_find_a_state_that_was_written_by_hand(order_service: Application) -> None:
    order = _fresh(RESERVED)
    _save(order_service, order)
    statement = sa.update(orders_table).where(orders_table.c.order_id == order.order_id)
    with order_service.database.connect() as connection:
        assert [finding.wrong for finding in invariants.check(connection)] == [(), (), ()]
        connection.execute(statement.values(state="CONFIRMED"))
        state, *_ = invariants.check(connection)
        connection.rollback()
    assert state.wrong == (order.order_id,)


def test_the_invariants_find_a_confirmation_without_its_facts(order_service: Application) -> None:
    order = replace(_fresh(RESERVED), confirmed=True)
    with order_service.database.connect() as connection:
        world = World()
        world.put(order, NOW)
        STORE.save(connection, world)
        wrong = {finding.name: finding.wrong for finding in invariants.check(connection)}
        connection.rollback()
    assert wrong["I10.confirmed"] == (order.order_id,)


def test_the_revisions_can_be_taken_back(order_service: Application, new_database: object) -> None:
    url = new_database("order_svc")  # type: ignore[operator]  # a factory of tests/infra.py
    migrate.upgrade("order_svc", url)
    migrate.downgrade("order_svc", url)
    migrate.upgrade("order_svc", url)
