"""The chassis tables as a service's first revision makes them: the audit only grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors, sql

from chassis import migrate
from tests.infra import Infra

ROW = (
    "INSERT INTO audit_log (actor, client, method, resource, correlation_id, traceparent, time)"
    " VALUES ('alice', 'atlas-cli', 'PlaceOrder', '', 'c', 't', now())"
)


@pytest.fixture
def migrated(infra: Infra, new_database: Callable[[str], str]) -> Iterator[str]:
    """A migrated database whose app role is named and granted as deploy does it."""
    url = new_database("audit")
    role = sql.Identifier(f"{urlsplit(url).path[1:]}_app")
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE ROLE {}").format(role))
        server.execute(sql.SQL("ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}").format(role))
    migrate.upgrade("order_svc", url)
    yield url
    with psycopg.connect(infra.postgres_admin, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(urlsplit(url).path[1:])))
        server.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize("change", ["UPDATE audit_log SET actor = 'bob'", "DELETE FROM audit_log", "TRUNCATE audit_log"])
def test_nobody_changes_the_audit(migrated: str, change: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(ROW.encode())
        with pytest.raises(errors.InsufficientPrivilege, match="audit_log is append-only"):
            connection.execute(change.encode())


def test_the_app_role_may_read_and_add_to_the_audit_and_no_more(migrated: str) -> None:
    rights = b"SELECT array_agg(has_table_privilege(current_database() || '_app', 'audit_log', kind) ORDER BY n)"
    kinds = b" FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) WITH ORDINALITY AS k(kind, n)"
    with psycopg.connect(migrated) as connection:
        assert connection.execute(rights + kinds).fetchone() == ([True, True, False, False, False],)
