"""A database of billing_svc for a test module, and the service built on it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pydantic import SecretStr

from billing_svc import app
from billing_svc.fake_provider import FakeProvider
from billing_svc.settings import Settings
from chassis import migrate
from chassis.clock import ManualClock
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from tests.billing_svc.builders import NOW
from tests.billing_svc.served import Client, served
from tests.billing_svc.till import Till
from tests.timers import asked_in_turn


@pytest.fixture(scope="module")
def billing_database(postgres_url: str) -> str:
    """A migrated database of this module."""
    migrate.upgrade("billing_svc", postgres_url)
    return postgres_url


@pytest.fixture(scope="module")
def new_till(billing_database: str) -> Iterator[Callable[[], Till]]:
    """Make services on that database, each with a broker, a clock and a provider of its own; close them at the end."""
    made: list[Till] = []

    def make() -> Till:
        clock, broker = ManualClock(NOW), MemoryBroker()
        provider = FakeProvider(clock)
        settings = Settings(profile="dev", database_url=SecretStr(billing_database))
        ids = IdSource(clock, random.Random(len(made)))
        made.append(Till(asked_in_turn(app.build(settings, clock, broker, ids, provider)), broker, clock, provider))
        return made[-1]

    yield make
    for till in made:
        till.application.close()


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """One service for the module."""
    return new_till()


@pytest.fixture(scope="module")
async def client(till: Till) -> AsyncIterator[Client]:
    """A client of a server that runs for the module."""
    async with served(till) as made:
        yield made


@pytest.fixture(autouse=True)
def _healthy_provider(request: pytest.FixtureRequest) -> None:
    """Each test that uses the module's service starts with a provider that does what he is asked."""
    if "till" in request.fixturenames:
        request.getfixturevalue("till").provider.recover()
