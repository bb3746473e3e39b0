"""Set-based statements write what they are given, and errors of the infrastructure are told from errors of ours."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.database import insert_rows, is_infrastructure, make_engine, sqlstate, unavailable, update_rows, upsert_rows
from chassis.errors import Overloaded, Unavailable

metadata = sa.MetaData()
thing = sa.Table(
    "thing",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("facts", pg.JSONB),
    sa.Column("bytes", sa.LargeBinary),
    sa.Column("time", sa.DateTime(timezone=True)),
    sa.Column("flag", sa.Boolean),
    sa.Column("serial", sa.BigInteger, sa.Identity()),
)
NOON = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    made = make_engine(database_url, name="test", pool_size=2)
    with made.begin() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    yield made
    made.dispose()


def _row(number: int, part: str = "a", **changes: Any) -> dict[str, Any]:
    row = {"id": number, "part": part, "facts": {"ü": [1, None, {"x": "'\"{}\\"}]}, "bytes": b"\x00\xff", "time": NOON}
    return {**row, "flag": None, **changes}


def _all(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(thing).order_by(thing.c.serial))]


def test_every_type_comes_back_as_it_was_written_and_in_order(engine: sa.Engine) -> None:
    rows = [_row(3), _row(1, facts=None, bytes=None, time=None, flag=True), _row(2, part="'; --", facts=[])]
    with engine.begin() as connection:
        insert_rows(connection, thing, rows)
        insert_rows(connection, thing, [])
    assert [{name: value for name, value in row.items() if name != "serial"} for row in _all(engine)] == rows
    assert [row["serial"] for row in _all(engine)] == [1, 2, 3]


def test_an_upsert_overwrites_what_exists_and_adds_the_rest(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        insert_rows(connection, thing, [_row(1, flag=False)])
        upsert_rows(connection, thing, [_row(1, flag=True), _row(2)])
    assert [(row["id"], row["flag"]) for row in _all(engine)] == [(1, True), (2, None)]


def test_an_update_touches_only_its_own_rows(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        insert_rows(connection, thing, [_row(1), _row(1, "b"), _row(2)])
        update_rows(connection, thing, [{"id": 1, "part": "b", "flag": True}, {"id": 9, "part": "z", "flag": True}])
    assert {(row["id"], row["part"]): row["flag"] for row in _all(engine)} == {(1, "a"): None, (1, "b"): True, (2, "a"): None}


def test_a_batch_finds_its_rows_by_their_keys_however_many_others_there_are(engine: sa.Engine) -> None:
    """ADR 0033: with PostgreSQL's own costs the planner reads all of such a table for each batch."""
    seen: list[tuple[str, Any]] = []
    many = "INSERT INTO thing (id, part, flag) SELECT n, 'a', false FROM generate_series(1, 100000) AS n"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(many)
        connection.exec_driver_sql("VACUUM (ANALYZE) thing")
    with engine.begin() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
        update_rows(connection, thing, [{"id": number * 97, "part": "a", "flag": True} for number in range(1, 1_001)])
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {seen[0][0]}", seen[0][1]).scalars())
        assert "Index Scan using thing_pkey" in plan, plan
        assert connection.execute(sa.select(sa.func.count()).where(thing.c.flag)).scalar_one() == 1_000


def test_no_statement_is_compiled_first(engine: sa.Engine) -> None:
    """Whatever the server's own setting is, which may be off as well."""
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT setting, source FROM pg_settings WHERE name = 'jit'").one()
    assert tuple(row) == ("off", "client")


def test_an_id_is_read_as_the_text_that_it_is_here(engine: sa.Engine) -> None:
    number = "0198c0de-0000-7000-8000-00000000abcd"
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT '{number.upper()}'::uuid").scalar() == number


def test_a_large_batch_is_one_statement(engine: sa.Engine) -> None:
    rows = [_row(number) for number in range(2_000)]
    random.Random(1).shuffle(rows)
    with engine.begin() as connection:
        insert_rows(connection, thing, rows)
    assert [row["id"] for row in _all(engine)] == [row["id"] for row in rows]


def _failure(engine: sa.Engine, sql: str) -> Exception:
    with pytest.raises(sa.exc.DBAPIError) as caught, engine.begin() as connection:
        connection.execute(sa.text(sql))
    return caught.value


def test_a_connection_that_the_server_ends_is_infrastructure(engine: sa.Engine, database_url: str) -> None:
    with engine.connect() as connection, psycopg.connect(database_url, autocommit=True) as other:
        pid = connection.execute(sa.text("select pg_backend_pid()")).scalar()
        other.execute("select pg_terminate_backend(%s)", (pid,))
        with pytest.raises(sa.exc.DBAPIError) as caught:
            connection.execute(sa.text("select 1"))
    assert is_infrastructure(caught.value)
    assert isinstance(unavailable(caught.value), Unavailable)


def test_a_server_that_is_not_there_is_infrastructure() -> None:
    engine = make_engine("postgresql://nobody:canary@127.0.0.1:9/none", name="test")
    with pytest.raises(sa.exc.OperationalError) as caught:
        engine.connect()
    assert is_infrastructure(caught.value)
    assert "canary" not in str(caught.value)


def test_a_full_pool_is_infrastructure_and_says_overloaded(engine: sa.Engine) -> None:
    engine.pool._timeout = 0.05  # type: ignore[attr-defined]  # else this test waits two seconds
    with engine.connect(), engine.connect(), pytest.raises(sa.exc.TimeoutError) as caught:
        engine.connect()
    assert is_infrastructure(caught.value)
    assert isinstance(unavailable(caught.value), Overloaded)


def test_a_lock_that_is_not_given_is_infrastructure(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("lock table thing"))
        error = _failure(engine, "set local lock_timeout = '50ms'; select * from thing")
    assert sqlstate(error) == "55P03"
    assert is_infrastructure(error)


def test_two_that_wait_for_each_other_are_told_apart_from_a_wrong_statement(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        insert_rows(connection, thing, [_row(1), _row(2)])
    barrier, failures = threading.Barrier(2), []

    def lock(first: int, second: int) -> None:
        try:
            with engine.begin() as connection:
                connection.execute(sa.text("set local deadlock_timeout = '50ms'"))
                connection.execute(sa.update(thing).where(thing.c.id == first).values(flag=True))
                barrier.wait(5)
                connection.execute(sa.update(thing).where(thing.c.id == second).values(flag=True))
        except sa.exc.DBAPIError as error:
            failures.append(error)

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sqlstate(error) for error in failures] == ["40P01"]
    assert is_infrastructure(failures[0])


@pytest.mark.parametrize("sql", ["select 1/0", "select nothing", "insert into thing values (1, null)"])
def test_a_wrong_statement_is_not_infrastructure(engine: sa.Engine, sql: str) -> None:
    assert not is_infrastructure(_failure(engine, sql))
    assert not is_infrastructure(ValueError())


def test_values_never_get_into_the_text_of_an_error(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        insert_rows(connection, thing, [_row(1)])
    with pytest.raises(sa.exc.IntegrityError) as caught, engine.begin() as connection:
        insert_rows(connection, thing, [_row(1, facts={"card": "canary"})])
    assert "canary" not in str(caught.value)


def test_every_connection_has_its_timeouts_and_its_name(engine: sa.Engine) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    with engine.connect() as connection:
        shown = [connection.execute(sa.text(f"show {name}")).scalar() for name in names]
    assert shown == ["15s", "2s", "30s", "test"]
