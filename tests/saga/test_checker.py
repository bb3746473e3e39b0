"""The checker sees what it is there to see: each invariant is broken once, by hand, behind the services' backs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import sqlalchemy as sa

from tests.saga import invariants, people
from tests.saga.databases import Databases
from tests.saga.scene import Scene

BREAKS = [
    ("I1: placed", "order", "DELETE FROM orders WHERE state = 'BACKORDERED'"),
    ("I1: told fulfillments", "order", "DELETE FROM fulfillment"),
    ("I8: account 1200", "inventory", "UPDATE stock_item SET cost_minor_units = cost_minor_units + 1 WHERE on_hand > 0"),
    ("I1: told receipts", "inventory", "DELETE FROM stock_movement WHERE reason = 'RECEIPT'"),
    ("I1: the cancel", "order", "UPDATE orders SET state = 'PLACED', cancel_reason = '' WHERE state = 'CANCELLED'"),
    ("I3 billing", "billing", "UPDATE publication SET publish_time = NULL WHERE outbox_id = 1"),
    ("I4 inventory", "inventory", "DELETE FROM outbox WHERE event_type = 'StockShipped'"),
    ("I6 order: ", "order", "DELETE FROM inbox WHERE event_id = (SELECT event_id FROM inbox LIMIT 1)"),
    ("I6 workflow: positions", "workflow", "UPDATE stream_position SET sequence = sequence + 1"),
    ("inventory I7.stock", "inventory", "DELETE FROM stock_movement WHERE reason = 'SHIPMENT'"),
    ("I7: {1: 2} was shipped", "inventory", "UPDATE reservation_line SET shipped = 0 WHERE shipped > 0"),
    ("I9: its cancellation", "order", "UPDATE orders SET known = known - 'closed' WHERE state = 'CANCELLED'"),
    ("order I9.state", "order", "UPDATE orders SET state = 'CONFIRMED' WHERE state = 'BACKORDERED'"),
    ("I10: settled with", "billing", "UPDATE refund SET amount = amount - 1"),
    ("I10: its reservation", "inventory", "UPDATE reservation SET has_unknown_item = true WHERE state = 'BACKORDERED'"),
    ("I12: the report", "reporting", "UPDATE order_summary SET state = 'PLACED'"),
    ("billing ledger.2200", "billing", "UPDATE refund SET is_succeeded = false"),
    ("the provider has", "billing", "UPDATE payment SET received = NULL WHERE received IS NOT NULL"),
]


@pytest.fixture(scope="module")
def scene(databases: Databases) -> Iterator[Scene]:
    """A shipped, a cancelled and a backordered order, in databases that nobody uses afterwards."""
    databases.spoil()
    scene = Scene(databases.take(), "checked", None)
    scene.item(stock=6)
    shipped, cancelled = scene.place(2), scene.place(2)
    scene.do(people.ship(shipped), people.CLERK)
    scene.do(people.cancel(cancelled), people.BUYER)
    scene.place(99)
    assert invariants.violations(scene.services, scene.customers, scene.postman) == []
    yield scene
    scene.services.close()
    databases.spoil()


@pytest.mark.parametrize(("expected", "service", "damage"), BREAKS, ids=[row[0] for row in BREAKS])
def test_a_broken_invariant_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, expected: str, service: str, damage: str
) -> None:
    untouched = scene.services.connection
    with scene.services[service].database.connect() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # past triggers and foreign keys
        assert connection.execute(sa.text(damage)).rowcount > 0
        monkeypatch.setattr(
            scene.services, "connection", lambda name: nullcontext(connection) if name == service else untouched(name)
        )
        found = invariants.violations(scene.services, scene.customers, scene.postman)
        connection.rollback()
    assert any(expected in violation for violation in found), found


def test_a_gap_in_a_stream_is_found(scene: Scene) -> None:
    log = next(log for (topic, _), log in sorted(scene.services.broker.logs.items()) if topic == "atlas.billing.v1" and log)
    lost = log.pop(0)
    found = invariants.violations(scene.services, scene.customers, scene.postman)
    log.insert(0, lost)
    assert any(violation.startswith("I5") for violation in found), found


def test_money_that_only_the_provider_knows_of_is_found(scene: Scene) -> None:
    intents = scene.services.provider.sandbox.intents
    payment_id, intent = intents.popitem()
    found = invariants.violations(scene.services, scene.customers, scene.postman)
    intents[payment_id] = intent
    assert any("the provider has None" in violation for violation in found), found


def test_a_call_without_an_answer_is_found(scene: Scene) -> None:
    call = scene.office.ask(people.receipt("R", **{scene.sku: 1}), people.CLERK)
    found = invariants.violations(scene.services, scene.customers, scene.postman)
    scene.office.waiting.remove(call)
    assert any(violation.startswith("I2") for violation in found), found
