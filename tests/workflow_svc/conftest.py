"""workflow_svc on a migrated database, a broker in memory and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from chassis import migrate
from chassis.application import Application
from chassis.clock import ManualClock
from chassis.database import make_engine
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from tests.workflow_svc.builders import NOW
from tests.workflow_svc.desk import Desk
from workflow_svc import app
from workflow_svc.settings import Settings


@pytest.fixture(scope="module")
def migrated_url(postgres_url: str) -> str:
    """A database at the newest revision."""
    migrate.upgrade("workflow_svc", postgres_url)
    return postgres_url


@pytest.fixture(scope="module")
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    """Connections to it."""
    engine = make_engine(migrated_url, name="test", pool_size=3)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(migrated_url: str) -> Iterator[Desk]:
    """The service, and the others around it."""
    clock = ManualClock(NOW)
    broker = MemoryBroker()
    settings = Settings(profile="dev", database_url=SecretStr(migrated_url))
    application: Application = app.build(settings, clock, broker, IdSource(clock))
    yield Desk(application, broker, clock)
    application.relay.close()
    application.consumer.close()
    application.close()
