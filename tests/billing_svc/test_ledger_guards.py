"""The ledger refuses what is no journal, whoever writes it: the database itself is the guard."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from chassis import migrate

Lines = Sequence[tuple[str, str, int]]
BALANCED: Lines = [("1000", "EUR", 5), ("1100", "EUR", -5)]
DENIED = "42501"
REFUSED = {
    "UPDATE TABLE_NAME SET journal_id = journal_id": "permission denied",
    "DELETE FROM TABLE_NAME": "permission denied",
    "TRUNCATE TABLE_NAME": "permission denied",
    "ALTER TABLE TABLE_NAME DISABLE TRIGGER ALL": "must be owner",
    "ALTER TABLE TABLE_NAME ADD COLUMN more text": "must be owner",
    "DROP TABLE TABLE_NAME": "must be owner",
}


@pytest.fixture
def connection(billing_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the superuser: not even he gets past the triggers."""
    with psycopg.connect(billing_database, autocommit=True) as opened:
        yield opened


def _journal(connection: psycopg.Connection[Any]) -> str:
    journal_id = str(uuid.uuid4())
    statement = "INSERT INTO journal (journal_id, ref, kind, post_time) VALUES (%s, %s, 'PAYMENT', now())"
    connection.execute(statement, (journal_id, f"test/{journal_id}"))
    return journal_id


def _entries(connection: psycopg.Connection[Any], journal_id: str, lines: Lines, first: int = 1) -> None:
    statement = "INSERT INTO entry (journal_id, line, account, currency_code, amount) VALUES (%s, %s, %s, %s, %s)"
    for number, (account, currency, amount) in enumerate(lines, start=first):
        connection.execute(statement, (journal_id, number, account, currency, amount))


def _post(connection: psycopg.Connection[Any], lines: Lines) -> str:
    with connection.transaction():
        journal_id = _journal(connection)
        _entries(connection, journal_id, lines)
    return journal_id


def _is_kept(connection: psycopg.Connection[Any], journal_id: str) -> bool:
    return connection.execute("SELECT FROM journal WHERE journal_id = %s", (journal_id,)).fetchone() is not None


def test_a_balanced_journal_is_kept(connection: psycopg.Connection[Any]) -> None:
    assert _is_kept(connection, _post(connection, BALANCED))


@pytest.mark.parametrize(
    "lines",
    [
        [("1000", "EUR", 5), ("1100", "EUR", -4)],
        [],
        [("1000", "EUR", 5)],
        [("1000", "EUR", 5), ("1100", "USD", -5)],
        [("1000", "EUR", 5), ("1100", "EUR", -5), ("1000", "USD", 7), ("1100", "USD", -7)],
    ],
    ids=["unbalanced", "empty", "one entry", "unbalanced per currency", "two currencies"],
)
def test_what_is_no_journal_is_refused_at_commit(connection: psycopg.Connection[Any], lines: Lines) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is no journal"):
        _post(connection, lines)


@pytest.mark.parametrize(
    "line",
    [("1000", "EUR", 0), ("1000", "EUR", 2**53), ("1000", "EUR", -(2**53)), ("9999", "EUR", 5), ("1000", "eur", 5)],
    ids=["zero", "too large", "too small", "no such account", "no currency"],
)
def test_a_malformed_entry_is_refused(connection: psycopg.Connection[Any], line: tuple[str, str, int]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        _post(connection, [line, ("1100", "EUR", -5)])


def test_a_journal_is_never_extended_later(connection: psycopg.Connection[Any]) -> None:
    journal_id = _post(connection, BALANCED)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is sealed"):
        _entries(connection, journal_id, [("1000", "EUR", 7)], first=3)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is sealed"), connection.transaction():
        _entries(connection, journal_id, [("1000", "EUR", 7), ("1100", "EUR", -7)], first=3)


def test_checking_early_does_not_open_a_journal_for_more(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction(force_rollback=True):
        journal_id = _journal(connection)
        _entries(connection, journal_id, BALANCED)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is no journal"):
            _entries(connection, journal_id, [("1000", "EUR", 7)], first=3)


def test_a_journal_cannot_be_left_open_for_another_transaction(connection: psycopg.Connection[Any]) -> None:
    statement = "INSERT INTO journal (journal_id, ref, kind, post_time, xid) VALUES (%s, 'test/x', 'PAYMENT', now(), %s)"
    journal_id = str(uuid.uuid4())
    with connection.transaction(force_rollback=True):
        connection.execute(statement, (journal_id, "999999999"))
        _entries(connection, journal_id, BALANCED)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is sealed"):
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_natural_key_is_posted_once(connection: psycopg.Connection[Any]) -> None:
    statement = "INSERT INTO journal (journal_id, ref, kind, post_time) VALUES (%s, 'test/once', 'PAYMENT', now())"
    with connection.transaction():
        journal_id = str(uuid.uuid4())
        connection.execute(statement, (journal_id,))
        _entries(connection, journal_id, BALANCED)
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(statement, (str(uuid.uuid4()),))


@pytest.mark.parametrize(
    "statement",
    [
        *("UPDATE journal SET kind = 'VOID'", "UPDATE entry SET amount = amount + 1", "UPDATE entry SET line = 1 WHERE false"),
        *("DELETE FROM journal", "DELETE FROM entry", "TRUNCATE journal, entry", "TRUNCATE entry"),
        *("UPDATE seal SET sequence = 1", "DELETE FROM seal", "TRUNCATE seal"),
    ],
)
def test_nothing_in_the_ledger_is_changed_or_removed(connection: psycopg.Connection[Any], statement: str) -> None:
    _post(connection, BALANCED)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only") as refused:
        connection.execute(statement.encode())
    assert refused.value.sqlstate == DENIED


@pytest.mark.parametrize(
    ("sequence", "previous"), [(2, 1), (1, 1), (7, 0)], ids=["no seal before it", "not the first hash", "a gap"]
)
def test_a_seal_that_does_not_continue_the_one_before_is_refused(
    connection: psycopg.Connection[Any], sequence: int, previous: int
) -> None:
    row = (sequence, str(uuid.uuid4()), bytes([previous]) * 32, bytes(32))
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=f"seal {sequence} does not continue"):
        connection.execute("INSERT INTO seal VALUES (%s, %s, %s, %s)", row)


def test_a_journal_waits_for_its_seal_whoever_posts_it(connection: psycopg.Connection[Any]) -> None:
    journal_id = _post(connection, BALANCED)
    assert connection.execute("SELECT FROM unsealed WHERE journal_id = %s", (journal_id,)).fetchone() is not None


def test_the_application_may_only_read_and_add(new_database: Callable[[str], str]) -> None:
    """Where the application's role exists when the ledger is made, it has no other right, whatever its defaults are."""
    url = new_database("ledger")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billing_svc_app') THEN"
            " CREATE ROLE billing_svc_app; END IF; END $$"
        )
        rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO billing_svc_app"
        admin.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public {rights}".encode())
        admin.execute("GRANT USAGE ON SCHEMA public TO billing_svc_app")
        migrate.upgrade("billing_svc", url)
        admin.execute("SET ROLE billing_svc_app")
        assert _is_kept(admin, _post(admin, BALANCED))
        for table, (action, words) in itertools.product(("journal", "entry", "seal"), REFUSED.items()):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=words) as refused:
                admin.execute(action.replace("TABLE_NAME", table).encode())
            assert refused.value.sqlstate == DENIED
        for action in ("DELETE FROM ledger_head", "INSERT INTO ledger_head SELECT * FROM ledger_head"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute(action.encode())
        admin.execute("UPDATE order_account SET is_reserved = true")


def test_the_migration_can_be_taken_back_and_brought_in_again(new_database: Callable[[str], str]) -> None:
    url = new_database("billing")
    migrate.upgrade("billing_svc", url)
    migrate.downgrade("billing_svc", url)
    with psycopg.connect(url) as opened:
        left = opened.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        assert [name for (name,) in left.fetchall()] == ["alembic_version"]
    migrate.upgrade("billing_svc", url)
