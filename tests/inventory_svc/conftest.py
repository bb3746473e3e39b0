"""inventory_svc on a migrated database, a broker in memory and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from chassis import migrate
from chassis.clock import ManualClock
from chassis.database import make_engine
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from inventory_svc import app
from inventory_svc.settings import Settings
from tests.inventory_svc.builders import NOON
from tests.inventory_svc.counter import Counter


@pytest.fixture(scope="module")
def migrated_url(postgres_url: str) -> str:
    """A database at the newest revision."""
    migrate.upgrade("inventory_svc", postgres_url)
    return postgres_url


@pytest.fixture(scope="module")
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    """Connections to it."""
    engine = make_engine(migrated_url, name="test", pool_size=3)
    yield engine
    engine.dispose()


@pytest.fixture
def counter(migrated_url: str) -> Iterator[Counter]:
    """The service, and the others around it."""
    clock = ManualClock(NOON)
    broker = MemoryBroker()
    settings = Settings(profile="dev", database_url=SecretStr(migrated_url), pool_size=8)
    application = app.build(settings, clock, broker, IdSource(clock))
    yield Counter(application, broker, clock)
    application.relay.close()
    application.consumer.close()
    application.close()
