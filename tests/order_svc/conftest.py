"""A database of order_svc for a test module, and the service built on it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from chassis import migrate
from chassis.application import Application
from chassis.clock import ManualClock
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from order_svc import app
from order_svc.settings import Settings
from tests.order_svc.builders import NOW
from tests.order_svc.client import Client, serving
from tests.timers import asked_in_turn


@pytest.fixture(scope="module")
def order_database(postgres_url: str) -> str:
    """A migrated database of this module."""
    migrate.upgrade("order_svc", postgres_url)
    return postgres_url


@pytest.fixture(scope="module")
def order_service(order_database: str) -> Iterator[Application]:
    """order_svc on that database, with a broker in memory and a clock that stands still."""
    clock = ManualClock(NOW)
    settings = Settings(profile="dev", database_url=SecretStr(order_database))
    service = asked_in_turn(app.build(settings, clock, MemoryBroker(), IdSource(clock, random.Random(1))))
    yield service
    service.relay.close()
    service.close()


@pytest.fixture(scope="module")
async def client(order_service: Application) -> AsyncIterator[Client]:
    """A client of a server that runs for the module."""
    async with serving(order_service) as opened:
        yield opened
