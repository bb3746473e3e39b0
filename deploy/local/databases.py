"""One database a service, four roles each: an owner nobody logs in as, a migrator that acts as the owner, app, read-only."""

from __future__ import annotations

import psycopg
from psycopg import sql

from deploy.local.services import LOGIN_KINDS, SERVICES, Service
from deploy.local.site import Site

SERVER_SQL = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {owner_name}) THEN CREATE ROLE {owner} NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {migrator_name}) THEN CREATE ROLE {migrator}; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {app_name}) THEN CREATE ROLE {app}; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {readonly_name}) THEN CREATE ROLE {readonly}; END IF;
END $$;
ALTER ROLE {migrator} LOGIN PASSWORD {migrator_password};
ALTER ROLE {app} LOGIN PASSWORD {app_password};
ALTER ROLE {readonly} LOGIN PASSWORD {readonly_password};
GRANT {owner} TO {migrator};
"""
DATABASE_SQL = """
ALTER DATABASE {database} OWNER TO {owner};
ALTER ROLE {migrator} IN DATABASE {database} SET role = {owner_name};
ALTER ROLE {readonly} IN DATABASE {database} SET default_transaction_read_only = on;
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {migrator}, {app}, {readonly};
"""
SCHEMA_SQL = """
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {app}, {readonly};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {readonly};
"""


async def create_databases(site: Site) -> str:
    """Make what is missing, put right what differs; safe to repeat."""
    async with await psycopg.AsyncConnection.connect(site.postgres_admin, autocommit=True) as server:
        for row in SERVICES:
            await server.execute(_filled(SERVER_SQL, site, row))
        rows = await (await server.execute("SELECT datname FROM pg_database")).fetchall()
        missing = [row for row in SERVICES if (row.package,) not in rows]
        for row in missing:
            await server.execute(_filled("CREATE DATABASE {database} TEMPLATE template0", site, row))
        for row in SERVICES:
            await server.execute(_filled(DATABASE_SQL, site, row))
    for row in SERVICES:
        await _grant(site, row)
    return f"{len(SERVICES)} databases, {len(missing)} new"


async def _grant(site: Site, row: Service) -> None:
    """Set the privileges that live inside the service's database."""
    async with await psycopg.AsyncConnection.connect(site.postgres_admin, dbname=row.package) as inside:
        await inside.execute(_filled(SCHEMA_SQL, site, row))


def _filled(template: str, site: Site, row: Service) -> sql.Composed:
    """A script with this service's names, quoted."""
    names: dict[str, sql.Composable] = {"database": sql.Identifier(row.package)}
    for kind in ("owner", *LOGIN_KINDS):
        names[kind] = sql.Identifier(row.role(kind))
        names[f"{kind}_name"] = sql.Literal(row.role(kind))
        names[f"{kind}_password"] = sql.Literal(site.passwords.get(row.role(kind), ""))
    return sql.SQL(template).format(**names)
