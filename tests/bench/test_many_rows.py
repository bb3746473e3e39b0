"""The rows that S2 and S3 are measured on are what the services would have kept, and the floor's are ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bench import backorders, receipt
from bench.same_rows import differing, write_again
from bench.warehouse import broken, tell_of_orders, warehouse
from chassis import migrate
from chassis.application import Application
from chassis.database import make_engine


@pytest.fixture(scope="module")
def urls(new_database: Callable[[str], str]) -> list[str]:
    """Two databases of inventory_svc in which the same orders wait."""
    urls = [new_database("bench"), new_database("bench")]
    for url in urls:
        migrate.upgrade("inventory_svc", url)
    return urls


@pytest.fixture(scope="module")
def floor(urls: list[str]) -> Iterator[sa.Engine]:
    """The floor's."""
    engine = make_engine(urls[1], name="floor", pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def inventory(urls: list[str]) -> Iterator[Application]:
    """Ours."""
    with warehouse(SecretStr(urls[0])) as inventory:
        yield inventory


def test_a_receipt_completes_what_waits_and_the_floor_writes_the_same_rows(
    inventory: Application, floor: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt, "ORDERS", 20)
    for database in (inventory.database, floor):
        backorders.fill(database, "CROWD", 12, spread=3)
        backorders.fill(database, "RUN", 20)
    assert broken("S2", inventory).holds
    received = receipt.receive(inventory, "RUN")
    assert (received.completed, received.transactions) == (20, 1)
    assert differing(inventory.database, floor, receipt.TABLES) > 2 * 20
    assert write_again(inventory.database, floor, receipt.TABLES) > 0
    assert differing(inventory.database, floor, receipt.TABLES) == 0
    assert broken("S2", inventory).holds


def test_orders_that_are_told_are_handled(inventory: Application) -> None:
    tell_of_orders(inventory, "NO-SUCH-ITEM", 3)
    assert inventory.consumer.step() == 3
    assert broken("S1", inventory).holds
