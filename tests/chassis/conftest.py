"""A database with the tables of the chassis and of the counter for each module, emptied before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa
import structlog

from chassis import tables
from chassis.database import make_engine
from tests.chassis import counter
from tests.chassis.bench import Bench
from tests.chassis.served import Served

_TABLES = (*tables.metadata.sorted_tables, *counter.metadata.sorted_tables)


@pytest.fixture(scope="module")
def module_database(postgres_url: str) -> str:
    """The database of this module, with its tables made."""
    engine = make_engine(postgres_url, name="tables")
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        counter.metadata.create_all(connection)
    engine.dispose()
    return postgres_url


@pytest.fixture
def database_url(module_database: str) -> str:
    """The database of this module, emptied."""
    engine = make_engine(module_database, name="empty")
    with engine.begin() as connection:
        for table in _TABLES:
            connection.execute(sa.delete(table))
    engine.dispose()
    return module_database


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    """The counter service on the memory broker and a real database."""
    made = Bench(database_url)
    yield made
    made.app.close()


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    """Log without the locals of tracebacks: drawing them takes a second each."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )


@pytest.fixture
async def served(bench: Bench) -> AsyncIterator[Served]:
    """The counter service behind a gRPC server."""
    made = await Served(bench).start()
    yield made
    await made.stop()
