"""What PostgreSQL says of a database: everything a revision can make, by name, and every row."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

Catalog = dict[str, list[tuple[Any, ...]]]
Contents = dict[str, list[str]]

_TABLES = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    ORDER BY relname
"""
_PARTS = {
    "relations": """
        SELECT relname, relkind, obj_description(oid, 'pg_class') FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'""",
    "columns": """
        SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
            pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND relnamespace = 'public'::regnamespace""",
    "constraints": """
        SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid)
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE contype <> 'n' AND relnamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT relname, tgname, tgenabled, pg_get_triggerdef(pg_trigger.oid)
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'""",
    "types": """
        SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e')""",
}
BOOKKEEPING = "alembic_version"


def catalog(url: str) -> Catalog:
    """Describe the schema, without the order of columns: a column that comes back is the last one."""
    with psycopg.connect(url) as connection:
        found = {part: connection.execute(query.encode()).fetchall() for part, query in _PARTS.items()}
    return {part: sorted((row for row in rows if row[0] != BOOKKEEPING), key=repr) for part, rows in found.items()}


def tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Name the tables."""
    return [name for (name,) in connection.execute(_TABLES)]


def contents(url: str) -> Contents:
    """Return every row of every table, as JSON with sorted keys."""
    with psycopg.connect(url) as connection:
        return {name: _rows(connection, name) for name in tables(connection)}


def _rows(connection: psycopg.Connection[Any], name: str) -> list[str]:
    query = sql.SQL("SELECT to_jsonb(kept)::text FROM {} AS kept").format(sql.Identifier(name))
    return sorted(row for (row,) in connection.execute(query))
