"""PostgreSQL: an engine with every timeout set, and set-based statements that write a whole batch at once."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson
import psycopg
import sqlalchemy as sa
from psycopg.types.array import ListBinaryDumper
from psycopg.types.string import TextLoader
from sqlalchemy.dialects import postgresql as pg

from chassis.errors import Overloaded, Refusal, Unavailable

# rows are looked up by key, in memory: with the defaults a batch may read the whole table, or be compiled first (ADR 0033)
_SERVER_OPTIONS = (
    "-c statement_timeout=15000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=30000"
    " -c random_page_cost=1.1 -c jit=off"
)

# SQLSTATE classes and codes that say the database is away or busy, not that the statement was wrong
_INFRASTRUCTURE_CLASSES = ("08", "53", "57", "58")
_INFRASTRUCTURE_CODES = ("40001", "40P01", "55P03", "25P03")
RETRYABLE_CODES = ("40001", "40P01")
LOCK_TIMEOUT = "55P03"


def make_engine(url: str, *, name: str, pool_size: int = 8) -> sa.Engine:
    """Make an engine for `url`; `name` is shown in pg_stat_activity. Pool overflow is 0, the wait for a connection 2 s."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_pre_ping=False,
        json_serializer=orjson.dumps,
        json_deserializer=orjson.loads,
        hide_parameters=True,
        connect_args={
            "application_name": name,
            "connect_timeout": 3,
            "options": _SERVER_OPTIONS,
            "keepalives": 1,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )
    sa.event.listen(engine, "connect", _adapt)
    return engine


def _adapt(connection: psycopg.Connection[Any], _record: object) -> None:
    """Send arrays in binary: as text they are escaped string by string. Read ids as the texts that they are here."""
    connection.adapters.register_dumper(list, ListBinaryDumper)
    connection.adapters.register_loader("uuid", TextLoader)


def sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE of a database error, empty where there is none."""
    original = getattr(error, "orig", error)
    return getattr(original, "sqlstate", None) or ""


def is_infrastructure(error: BaseException) -> bool:
    """Whether an error says that the database is away or busy: retried for ever, never counted as a failed attempt."""
    if isinstance(error, sa.exc.TimeoutError):
        return True
    if not isinstance(error, sa.exc.DBAPIError | psycopg.Error):
        return False
    code = sqlstate(error)
    if not code:
        return isinstance(getattr(error, "orig", error), psycopg.OperationalError | psycopg.InterfaceError)
    return code[:2] in _INFRASTRUCTURE_CLASSES or code in _INFRASTRUCTURE_CODES


def unavailable(error: BaseException) -> Refusal:
    """Say to a caller that the database is away, or that all connections are in use."""
    if isinstance(error, sa.exc.TimeoutError):
        return Overloaded("all database connections are in use", retry_after=1)
    return Unavailable("the service's database did not answer", retry_after=1)


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of one shape with one statement, in their order."""
    if rows:
        connection.execute(_insert(table, tuple(rows[0])), array_parameters(by_column(rows)))


def upsert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite those whose primary key exists. Only for rows whose owner is locked."""
    if rows:
        connection.execute(_upsert(table, tuple(rows[0])), array_parameters(by_column(rows)))


def update_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Overwrite existing rows, found by primary key."""
    if rows:
        update_columns(connection, table, by_column(rows))


def update_columns(connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Overwrite existing rows, found by primary key, given column by column."""
    if columns:
        connection.execute(_update(table, tuple(columns)), array_parameters(columns))


def delete_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Delete the rows that have all the values of one of these."""
    if rows:
        connection.execute(_delete(table, tuple(rows[0])), array_parameters(by_column(rows)))


def by_column(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows of one shape, of which there is at least one."""
    return {name: list(map(itemgetter(name), rows)) for name in rows[0]}


def array_parameters(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return columns as the array parameters that `unnest` reads."""
    return {f"p_{name}": values for name, values in columns.items()}


def one_of(column: sa.ColumnElement[Any], parameter: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column has one of the values of an array parameter."""
    return column == sa.any_(sa.bindparam(parameter, type_=pg.ARRAY(column.type)))


def unnest(table: sa.Table, names: tuple[str, ...]) -> sa.TableValuedAlias:
    """Return a FROM element with one row per array position; parameters are named p_<column>."""
    arrays = [_array(f"p_{name}", table.c[name].type) for name in names]
    columns = [sa.column(name, table.c[name].type) for name in names]
    return sa.func.unnest(*arrays).table_valued(*columns, with_ordinality="ordinality").render_derived()


def _array(name: str, item: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """Return an array parameter. The driver knows how to send its items: only JSON has to be marked as such."""
    array = pg.ARRAY(item, dimensions=1)
    if isinstance(item, sa.JSON):
        return sa.bindparam(name, type_=array)
    return sa.cast(sa.bindparam(name, type_=sa.types.NullType()), array)


@functools.cache
def _insert(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    rows = unnest(table, names)
    return sa.insert(table).from_select(list(names), sa.select(*[rows.c[n] for n in names]).order_by(rows.c.ordinality))


@functools.cache
def _upsert(table: sa.Table, names: tuple[str, ...]) -> pg.Insert:
    rows = unnest(table, names)
    statement = pg.insert(table).from_select(list(names), sa.select(*[rows.c[n] for n in names]))
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in names if name not in keys}
    )


@functools.cache
def _update(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    rows = unnest(table, names)
    keys = [column.name for column in table.primary_key]
    return (
        sa.update(table)
        .values({name: rows.c[name] for name in names if name not in keys})
        .where(*[table.c[key] == rows.c[key] for key in keys])
    )


@functools.cache
def _delete(table: sa.Table, names: tuple[str, ...]) -> sa.Delete:
    rows = unnest(table, names)
    return sa.delete(table).where(*[table.c[name] == rows.c[name] for name in names])
