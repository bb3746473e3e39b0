"""Whoever changes the ledger below the application, as a superuser without triggers, is found, and the journal is named."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from billing_svc import canonical, verifying
from tests.billing_svc.builders import NOW
from tests.billing_svc.journals import chain, post, post_each, seal_all
from tests.billing_svc.till import Till

COUNT, SIZE = 20, 6
VICTIM = 9
"""The place of the journal that is tampered with: in the middle of the second of four parts."""
OTHER = str(uuid.UUID(int=7))
COLUMNS = {
    "ref": "'other'",
    "kind": "'VOID'",
    "order_id": f"'{OTHER}'",
    "invoice_id": f"'{OTHER}'",
    "source_event_id": f"'{OTHER}'",
    "post_time": "post_time + interval '1 microsecond'",
    "xid": "'12345'",
}
AMOUNTS = "UPDATE entry SET amount = amount * 2 WHERE journal_id = :id"


@pytest.fixture(scope="module")
def till(new_till: Callable[[], Till]) -> Till:
    """A service with a chain, and one journal that waits."""
    till = new_till()
    post_each(till, COUNT)
    assert seal_all(till) == COUNT
    post_each(till, 1)
    return till


@pytest.fixture(scope="module")
def ids(till: Till) -> dict[int, str]:
    """The journals by their places in the chain."""
    return {seal.sequence: str(seal.journal_id) for seal in chain(till)}


@pytest.fixture
def superuser(till: Till) -> Iterator[sa.Connection]:
    """A superuser's transaction without triggers, which never commits."""
    with till.application.database.connect() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        yield connection
        connection.rollback()


def _wrong(connection: sa.Connection) -> dict[str, list[str]]:
    """What is found, by journal; empty is no single journal's."""
    found: dict[str, list[str]] = {}
    parts = list(verifying.parts(connection, SIZE))
    for each in [*(wrong for part in parts for wrong in part.wrong), *verifying.whole(connection)]:
        found.setdefault(each.journal_id, []).append(each.finding)
    return found


def test_an_untouched_ledger_verifies_part_by_part(till: Till) -> None:
    with till.application.database.connect() as connection:
        parts = list(verifying.parts(connection, SIZE))
        assert verifying.whole(connection) == []
    assert [(part.sequence, part.journals, part.is_last, part.wrong) for part in parts] == [
        (6, 6, False, ()),
        (12, 6, False, ()),
        (18, 6, False, ()),
        (20, 2, True, ()),
    ]
    assert [part.hash for part in parts] == [bytes(chain(till)[part.sequence - 1].hash) for part in parts]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("sequence", [1, VICTIM, COUNT])
def test_a_changed_column_of_a_journal_is_found(
    ids: dict[int, str], superuser: sa.Connection, column: str, sequence: int
) -> None:
    change = f"UPDATE journal SET {column} = {COLUMNS[column]} WHERE journal_id = :id"  # noqa: S608
    superuser.execute(sa.text(change), {"id": ids[sequence]})
    assert _wrong(superuser) == {ids[sequence]: ["it is not as it was sealed"]}


@pytest.mark.parametrize("change", ["account = '2000'", "currency_code = 'USD'", "line = line + 5"])
def test_a_changed_column_of_entries_is_found(ids: dict[int, str], superuser: sa.Connection, change: str) -> None:
    superuser.execute(sa.text(f"UPDATE entry SET {change} WHERE journal_id = :id"), {"id": ids[VICTIM]})  # noqa: S608
    found = _wrong(superuser)
    assert found.pop(ids[VICTIM]) == ["it is not as it was sealed"]
    assert all(finding.startswith("account") for finding in found.get("", []))


def test_changed_amounts_are_found_though_they_balance(ids: dict[int, str], superuser: sa.Connection) -> None:
    superuser.execute(sa.text(AMOUNTS), {"id": ids[VICTIM]})
    found = _wrong(superuser)
    assert found.pop(ids[VICTIM]) == ["it is not as it was sealed"]
    assert [finding.split(" is kept")[0] for finding in found.pop("")] == ["account 1000 in EUR", "account 1100 in EUR"]
    assert found == {}


def test_a_removed_journal_is_found(ids: dict[int, str], superuser: sa.Connection) -> None:
    victim = ids[VICTIM]
    superuser.execute(sa.text("DELETE FROM entry WHERE journal_id = :id"), {"id": victim})
    superuser.execute(sa.text("DELETE FROM journal WHERE journal_id = :id"), {"id": victim})
    found = _wrong(superuser)
    assert found.pop(victim) == ["it is sealed, but not in the ledger"]
    assert set(found) == {""}


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM entry WHERE journal_id = :id AND line = 2", "INSERT INTO entry VALUES (:id, 3, '1000', 'EUR', 1)"],
)
def test_a_removed_or_added_entry_is_found(ids: dict[int, str], superuser: sa.Connection, statement: str) -> None:
    superuser.execute(sa.text(statement), {"id": ids[VICTIM]})
    assert _wrong(superuser)[ids[VICTIM]] == ["it is not as it was sealed"]


def test_a_journal_that_went_past_the_triggers_is_found(superuser: sa.Connection) -> None:
    slipped_in = post(superuser)
    found = _wrong(superuser)
    assert found.pop(slipped_in) == ["it is neither sealed nor does it wait for that: nobody has posted it"]
    assert set(found) == {""}


def test_entries_of_no_journal_are_found_though_they_balance(superuser: sa.Connection) -> None:
    superuser.execute(
        sa.text("INSERT INTO entry VALUES (:id, 1, '1000', 'EUR', 5), (:id, 2, '1000', 'EUR', -5)"), {"id": OTHER}
    )
    assert _wrong(superuser)[OTHER] == ["it has entries, but is not in the ledger"]


def test_a_removed_seal_is_found(ids: dict[int, str], superuser: sa.Connection) -> None:
    superuser.execute(sa.text("DELETE FROM seal WHERE sequence = :sequence"), {"sequence": VICTIM})
    assert _wrong(superuser) == {
        ids[VICTIM + 1]: [f"places {VICTIM} to {VICTIM} of the chain are missing before it"],
        ids[VICTIM]: ["it is neither sealed nor does it wait for that: nobody has posted it"],
    }


def test_removed_last_seals_are_found(ids: dict[int, str], superuser: sa.Connection) -> None:
    superuser.execute(sa.text("DELETE FROM seal WHERE sequence >= :last"), {"last": COUNT - 1})
    found = _wrong(superuser)
    assert found.pop(ids[COUNT - 2]) == [f"the head of the chain is at place {COUNT}, which is not its last seal"]
    assert set(found) == {ids[COUNT - 1], ids[COUNT]}


@pytest.mark.parametrize("columns", ["journal_id", "journal_id, previous_hash, hash"])
def test_two_seals_that_changed_places_are_found(ids: dict[int, str], superuser: sa.Connection, columns: str) -> None:
    names, theirs = columns.split(", "), ", ".join(f"other.{name}" for name in columns.split(", "))
    superuser.execute(sa.text("ALTER TABLE seal DROP CONSTRAINT seal_journal_id_key"))
    swap = f"""UPDATE seal SET ({columns}) = ROW({theirs}) FROM seal AS other
        WHERE (seal.sequence, other.sequence) IN ((:one, :two), (:two, :one))"""  # noqa: S608
    superuser.execute(sa.text(swap), {"one": VICTIM, "two": VICTIM + 1})
    found = _wrong(superuser)
    assert {ids[VICTIM], ids[VICTIM + 1]} <= set(found)
    assert set(found) <= {ids[VICTIM], ids[VICTIM + 1], ids[VICTIM + 2]}
    assert len(found) == (2 if len(names) == 1 else 3)


def test_a_tail_that_was_written_again_disagrees_with_the_head(ids: dict[int, str], superuser: sa.Connection) -> None:
    """The forger changes a journal and computes every later hash anew, but leaves the head, which was published."""
    superuser.execute(sa.text(AMOUNTS), {"id": ids[VICTIM]})
    superuser.execute(sa.text("UPDATE balance SET debit = debit + 5 WHERE account = '1000'"))
    superuser.execute(sa.text("UPDATE balance SET credit = credit + 5 WHERE account = '1100'"))
    _forge_from(superuser, VICTIM)
    assert _wrong(superuser) == {ids[COUNT]: [f"the head of the chain is at place {COUNT}, which is not its last seal"]}


def _forge_from(connection: sa.Connection, first: int) -> None:
    statement = sa.text(
        f"""UPDATE seal SET previous_hash = before.hash, hash = sha256(before.hash || {canonical.JOURNAL} ||
            coalesce((SELECT {canonical.ENTRIES} FROM entry WHERE entry.journal_id = journal.journal_id), ''))
        FROM journal, seal AS before WHERE journal.journal_id = seal.journal_id AND before.sequence = seal.sequence - 1
            AND seal.sequence = :sequence"""  # noqa: S608
    )
    for sequence in range(first, COUNT + 1):
        connection.execute(statement, {"sequence": sequence})


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM entry WHERE journal_id = :id AND line = 2",
        "DELETE FROM entry WHERE journal_id = :id",
        "UPDATE entry SET amount = amount + line WHERE journal_id = :id",
        "UPDATE entry SET currency_code = 'USD' WHERE journal_id = :id AND line = 2",
    ],
)
def test_an_unbalanced_journal_is_found_whether_it_waits_or_is_sealed(
    ids: dict[int, str], superuser: sa.Connection, change: str
) -> None:
    waiting = post(superuser, NOW, [("1000", "EUR", 5)])
    superuser.execute(sa.text("INSERT INTO unsealed VALUES (:id)"), {"id": waiting})
    found = _wrong(superuser)
    assert found.pop(waiting) == ["it does not balance"]
    (sums,) = found.pop("")
    assert sums.startswith("all entries in EUR add up to")
    assert found == {}
    superuser.execute(sa.text(change), {"id": ids[COUNT]})
    _forge_from(superuser, COUNT)
    assert _wrong(superuser)[ids[COUNT]][0] == "it is sealed, but does not balance"


def test_what_waits_and_should_not_is_found(ids: dict[int, str], superuser: sa.Connection) -> None:
    superuser.execute(sa.text("INSERT INTO unsealed VALUES (:one), (:two)"), {"one": OTHER, "two": ids[VICTIM]})
    found = _wrong(superuser)
    assert found.pop(OTHER) == ["it waits for its seal, but is not in the ledger"]
    assert found.pop(ids[VICTIM]) == ["it waits for its seal, but has one"]
    assert set(found) == {""}, "and the balances count it twice"


def test_there_is_no_part_after_a_place_that_is_none(till: Till) -> None:
    with till.application.database.connect() as connection:
        assert verifying.part_after(connection, COUNT + 1) is None
        end = verifying.part_after(connection, COUNT)
    assert end is not None
    assert (end.sequence, end.journals, end.is_last, end.wrong) == (COUNT, 0, True, ())


def test_a_late_journal_is_no_finding(ids: dict[int, str], superuser: sa.Connection) -> None:
    superuser.execute(sa.text("SET LOCAL session_replication_role = origin"))
    post(superuser, NOW - timedelta(days=400))
    assert _wrong(superuser) == {}
