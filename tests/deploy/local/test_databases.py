"""Each service's roles can do their work in its database, and nothing in another's."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors

from deploy.local.databases import create_databases
from deploy.local.home import Home
from deploy.local.ports import Ports
from deploy.local.services import LOGIN_KINDS, SERVICES, Service
from deploy.local.site import Site
from tests.infra import Infra

ORDER = SERVICES[0]


@pytest.fixture(scope="module")
def site(infra: Infra) -> Site:
    base = (urlsplit(infra.postgres_admin).port or 0) - Ports(0).postgres
    return Site(Home(infra.home), Ports(base), Home(infra.home).passwords(()), external={}, durable=False)


async def _run(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement.encode())


def _url(site: Site, kind: str) -> str:
    return site.postgres_url(ORDER.role(kind), ORDER.package)


@pytest.mark.parametrize("other", SERVICES[1:], ids=lambda row: row.package)
@pytest.mark.parametrize("kind", LOGIN_KINDS)
async def test_no_role_connects_to_another_services_database(site: Site, kind: str, other: Service) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        await _run(site.postgres_url(ORDER.role(kind), other.package), "SELECT 1")


async def test_app_reads_and_writes_what_the_migrator_made_but_changes_no_schema(site: Site) -> None:
    await _run(_url(site, "migrator"), "CREATE TABLE role_test (id int)")
    try:
        for statement in ("INSERT INTO role_test VALUES (1)", "UPDATE role_test SET id = 2", "DELETE FROM role_test"):
            await _run(_url(site, "app"), statement)
        for statement in ("TRUNCATE role_test", "DROP TABLE role_test", "CREATE TABLE mine (id int)"):
            with pytest.raises(errors.InsufficientPrivilege):
                await _run(_url(site, "app"), statement)
    finally:
        await _run(_url(site, "migrator"), "DROP TABLE role_test")


async def test_readonly_reads_and_does_not_write(site: Site) -> None:
    await _run(_url(site, "migrator"), "CREATE TABLE readonly_test (id int)")
    try:
        await _run(_url(site, "readonly"), "SELECT * FROM readonly_test")
        with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
            await _run(_url(site, "readonly"), "INSERT INTO readonly_test VALUES (1)")
        with pytest.raises(errors.InsufficientPrivilege):
            await _run(_url(site, "readonly"), "BEGIN READ WRITE; INSERT INTO readonly_test VALUES (1)")
    finally:
        await _run(_url(site, "migrator"), "DROP TABLE readonly_test")


async def test_tables_belong_to_the_owner_who_cannot_log_in(site: Site) -> None:
    await _run(_url(site, "migrator"), "CREATE TABLE owner_test (id int)")
    try:
        async with await psycopg.AsyncConnection.connect(_url(site, "readonly")) as connection:
            query = "SELECT tableowner, rolcanlogin FROM pg_tables JOIN pg_roles ON rolname = tableowner WHERE tablename = %s"
            row = await (await connection.execute(query, ["owner_test"])).fetchone()
        assert row == ("order_svc_owner", False)
    finally:
        await _run(_url(site, "migrator"), "DROP TABLE owner_test")


async def test_creating_again_changes_nothing(site: Site) -> None:
    assert await create_databases(site) == "5 databases, 0 new"
