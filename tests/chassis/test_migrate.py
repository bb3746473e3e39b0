"""Every revision of every service: with rows in the tables, up, down and up again loses nothing and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from chassis import migrate
from tests.architecture.source import SERVICES
from tests.chassis.catalog import Contents, catalog, contents
from tests.chassis.made_rows import EACH, make_rows

BASE = "base"
STEPS = [
    (service, before, revision)
    for service in SERVICES
    for before, revision in zip([BASE, *migrate.revisions(service)], migrate.revisions(service), strict=False)
]


@pytest.mark.parametrize(("service", "before", "revision"), STEPS)
def test_a_revision_loses_no_row_and_can_be_taken_back(
    new_database: Callable[[str], str], service: str, before: str, revision: str
) -> None:
    url = new_database("migrate")
    if before != BASE:
        migrate.upgrade(service, url, before)
    make_rows(url)
    rows, old = contents(url), catalog(url)
    migrate.upgrade(service, url, revision)
    new = catalog(url)
    assert _lost(rows, contents(url)) == []
    migrate.downgrade(service, url, before)
    assert catalog(url) == old
    assert contents(url) == rows
    migrate.upgrade(service, url, revision)
    assert catalog(url) == new
    assert _lost(rows, contents(url)) == []


def _lost(before: Contents, after: Contents) -> list[str]:
    """Name the tables that have fewer rows than before; a revision may change what a row says."""
    return [name for name, rows in before.items() if len(after.get(name, ())) < len(rows)]


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_of_the_newest_revision_gets_rows(new_database: Callable[[str], str], service: str) -> None:
    url = new_database("migrate")
    migrate.upgrade(service, url)
    seeded = contents(url)
    make_rows(url)
    assert {name: len(rows) - len(seeded[name]) for name, rows in contents(url).items()} == dict.fromkeys(seeded, EACH)


CHANGES = (
    "DROP INDEX timer_due",
    "ALTER TABLE timer ALTER attempt SET DEFAULT 1",
    "ALTER TABLE timer ALTER lease_time SET NOT NULL",
    "ALTER TABLE timer ADD CHECK (attempt >= 0)",
    "ALTER TABLE audit_log DISABLE TRIGGER audit_log_is_append_only",
    "CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE left_behind (id int)",
)


def test_what_a_revision_may_leave_behind_is_seen(new_database: Callable[[str], str]) -> None:
    url = new_database("migrate")
    migrate.upgrade("order_svc", url)
    seen = [catalog(url)]
    for change in CHANGES:
        with psycopg.connect(url) as connection:
            connection.execute(change.encode())
        seen.append(catalog(url))
    assert [number for number, found in enumerate(seen) if found in seen[:number]] == []


def test_a_row_that_is_gone_is_seen(new_database: Callable[[str], str]) -> None:
    url = new_database("migrate")
    migrate.upgrade("order_svc", url)
    make_rows(url)
    before = contents(url)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM timer WHERE key = 'key-0'")
    assert _lost(before, contents(url)) == ["timer"]
