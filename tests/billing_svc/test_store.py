"""What is kept is what was decided; parts move their own version only when they change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from billing_svc import tables
from billing_svc.domain import facts, invoicing
from billing_svc.domain.dunning import Dunning
from billing_svc.domain.ledger import stock_received
from billing_svc.domain.order_account import Change, OrderAccount
from billing_svc.domain.payment import Attempt
from billing_svc.posting import PostedJournal, is_posted, post
from billing_svc.store import STORE
from chassis.database import make_engine
from chassis.world import SYSTEM, Context, World, keys
from tests.billing_svc.builders import (
    DECLINED,
    FULFILLMENT_ID,
    NOW,
    PENDING,
    TIMED_OUT,
    a_moment,
    cancel,
    eur,
    hear,
    hear_refund,
    placed,
    succeeded,
)

CONTEXT = Context(NOW, SYSTEM, lambda: str(uuid.uuid4()), cause_id="0190a000-0000-7000-8000-0000000000c1")


@pytest.fixture(scope="module")
def engine(billing_database: str) -> Iterator[sa.Engine]:
    """The module's database."""
    engine = make_engine(billing_database, name="test", pool_size=2)
    yield engine
    engine.dispose()


def _issued(order_id: str) -> Change:
    account = invoicing.reserve(invoicing.place(OrderAccount(order_id), placed()))
    return invoicing.issue(account, f"INV-{order_id}", f"CN-{order_id}", a_moment())


def _refunded(order_id: str) -> OrderAccount:
    change = hear(_issued(order_id).account, TIMED_OUT, PENDING, succeeded())
    credited = invoicing.cancel(change.account, facts.OrderCancelled(order_id, None), f"CN-{order_id}", a_moment())
    return hear_refund(credited.account, DECLINED, succeeded()).account


ACCOUNTS = {
    "a tombstone": lambda order_id: cancel(OrderAccount(order_id)).account,
    "placed": lambda order_id: invoicing.place(OrderAccount(order_id), placed()),
    "backordered": lambda order_id: invoicing.note_reservation_failure(OrderAccount(order_id), "BACKORDERED"),
    "invoiced": lambda order_id: _issued(order_id).account,
    "unknown": lambda order_id: hear(_issued(order_id).account, TIMED_OUT).account,
    "declined": lambda order_id: hear(_issued(order_id).account, DECLINED).account,
    "paid and shipped": lambda order_id: (
        invoicing.ship(
            hear(_issued(order_id).account, succeeded(eur(4_000))).account,
            facts.OrderShipped(order_id, FULFILLMENT_ID, eur(3_000)),
        ).account
    ),
    "refunded": _refunded,
}


def _save(engine: sa.Engine, order_id: str, account: OrderAccount) -> World:
    with engine.begin() as connection:
        world = STORE.load(connection, keys(OrderAccount, [order_id]))
        world.put(account, NOW)
        STORE.save(connection, world)
    return world


def _load(engine: sa.Engine, order_id: str) -> OrderAccount | None:
    with engine.begin() as connection:
        return STORE.load(connection, keys(OrderAccount, [order_id])).find(OrderAccount, order_id)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_an_account_comes_back_as_it_was_saved(engine: sa.Engine, kind: str) -> None:
    order_id = str(uuid.uuid4())
    account = ACCOUNTS[kind](order_id)
    _save(engine, order_id, account)
    assert _load(engine, order_id) == account


def _versions(engine: sa.Engine, order_id: str, *kinds: sa.Table) -> list[Any]:
    with engine.connect() as connection:
        return [connection.execute(sa.select(table.c.version).where(table.c.order_id == order_id)).scalar() for table in kinds]


def test_only_what_changed_moves_its_version(engine: sa.Engine) -> None:
    order_id = str(uuid.uuid4())
    issued = _issued(order_id).account
    watched = (tables.invoice, tables.payment)
    _save(engine, order_id, issued)
    assert _versions(engine, order_id, *watched) == [1, 1]
    _save(engine, order_id, issued)
    assert _versions(engine, order_id, *watched) == [1, 1]
    unknown = hear(issued, TIMED_OUT).account
    _save(engine, order_id, unknown)
    assert _versions(engine, order_id, *watched) == [1, 2]
    _save(engine, order_id, hear(unknown, succeeded()).account)
    assert _versions(engine, order_id, *watched) == [2, 3]


def test_an_invoice_has_at_most_one_open_attempt(engine: sa.Engine) -> None:
    order_id = str(uuid.uuid4())
    account = _issued(order_id).account
    second = Attempt(str(uuid.uuid4()), 2, eur(3_600), "pm_ok", NOW, Dunning(NOW))
    with pytest.raises(sa.exc.IntegrityError, match="payment_one_open"):
        _save(engine, order_id, replace(account, attempts=(*account.attempts, second)))


def _post(engine: sa.Engine, movement_id: str, value: int) -> bool:
    """Post as two consumers would that both have not seen the fact; say whether the key was there before."""
    with engine.begin() as connection:
        world = STORE.load(connection, keys(PostedJournal, [f"stock/{movement_id}"]))
        known = is_posted(world, f"stock/{movement_id}")
        for journal in post(stock_received(movement_id, eur(value)), CONTEXT):
            world.put(journal, NOW)
        STORE.save(connection, world)
    return known


def test_a_fact_is_in_the_ledger_once_even_if_nobody_looked(engine: sa.Engine) -> None:
    movement_id = str(uuid.uuid4())
    assert [_post(engine, movement_id, 10), _post(engine, movement_id, 11)] == [False, True]
    with engine.connect() as connection:
        statement = sa.select(tables.entry.c.amount, tables.journal.c.source_event_id).join(tables.journal)
        rows = connection.execute(statement.where(tables.journal.c.ref == f"stock/{movement_id}")).all()
    assert {row.amount for row in rows} == {10, -10}
    assert {row.source_event_id for row in rows} == {CONTEXT.cause_id}
