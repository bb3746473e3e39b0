"""The SQL of P1's floor is what order_svc writes for a batch of one: the same statements, columns and sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bench import floor, orders
from chassis import migrate
from chassis.application import Application
from chassis.clock import SandboxClock
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from deploy.local.programs import postgres_program
from order_svc import app
from order_svc.settings import Settings

TABLES = ("idempotency", "orders", "timer", "outbox", "publication", "audit_log")
TOLERANCE = 0.1
# at the start of a statement, or of a part of one that writes
_STATEMENT = re.compile(r"(?:^|AS +\(|\) +)(INSERT INTO|UPDATE|DELETE FROM|^SELECT) +(\w+) *(?:\(([^)]*)\))?", re.MULTILINE)


@dataclass(frozen=True)
class Sides:
    """What each side sent, and where each wrote."""

    ours: list[str]
    our_url: str
    floor_url: str


@pytest.fixture(scope="module")
def sides(new_database: Callable[[str], str]) -> Iterator[Sides]:
    """One order placed by order_svc, and a second of the floor's script."""
    url, floor_url = new_database("placed"), new_database("floor")
    for each in (url, floor_url):
        migrate.upgrade("order_svc", each)
    service = _order_svc(url)
    sent: list[str] = []
    sa.event.listen(service.database, "before_cursor_execute", lambda _c, _k, statement, *_: sent.append(statement))
    orders.place(service.service, 1, "0" * 30)
    floor.Floor(Path(postgres_program("pgbench")), floor_url).run("place_order.sql", clients=1, seconds=1)
    yield Sides(sent, url, floor_url)
    service.close()


def _order_svc(url: str) -> Application:
    clock = SandboxClock()
    return app.build(Settings(database_url=SecretStr(url)), clock, MemoryBroker(), IdSource(clock))


def _shapes(statements: str) -> list[tuple[str, str, str]]:
    return [(verb, table, columns if verb == "INSERT INTO" else "") for verb, table, columns in _STATEMENT.findall(statements)]


def test_the_floor_sends_the_statements_of_a_batch_of_one(sides: Sides) -> None:
    script = (floor.SCRIPTS / "place_order.sql").read_text()
    assert _shapes(script) == _shapes("\n".join(statement.replace("\n", " ") for statement in sides.ours))


@pytest.mark.parametrize("table", TABLES)
def test_the_floor_writes_as_many_rows_of_the_same_size(sides: Sides, table: str) -> None:
    ours, theirs = _rows_and_bytes(sides.our_url, table), _rows_and_bytes(sides.floor_url, table)
    assert theirs[0] == ours[0]
    assert theirs[1] == pytest.approx(ours[1], rel=TOLERANCE)


def _rows_and_bytes(url: str, table: str) -> tuple[float, float]:
    """Return the rows of an order and their mean size."""
    query = f"SELECT count(*)::float / (SELECT count(*) FROM orders), avg(pg_column_size({table}.*))::float FROM {table}"  # noqa: S608
    with psycopg.connect(url) as connection:
        rows, size = connection.execute(query).fetchone() or (0.0, 0.0)
        return rows, size


def test_a_script_that_fails_is_an_error(sides: Sides) -> None:
    unmigrated = sides.floor_url.rpartition("/")[0] + "/postgres"
    with pytest.raises(RuntimeError, match="pgbench failed"):
        floor.Floor(Path(postgres_program("pgbench")), unmigrated).run("place_order.sql", clients=1, seconds=1)
