"""10,000 random journals straight in SQL, of every kind that is right or wrong: the database keeps just those that balance."""

from __future__ import annotations

import json
import random
import secrets
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

COUNT = 10_000
KINDS = {"balanced": 60, "unbalanced": 8, "empty": 8, "one line": 8, "mixed currency": 8, "extended": 8}
"""How often each kind is drawn; the last is balanced, and somebody tries to extend it later."""
ACCOUNTS = ("1000", "1010", "1100", "1200", "2000", "2100", "2200", "2300", "4000", "4200", "5000", "5300")
# posts each journal as a transaction would: its own subtransaction, checked before the next; the ids of those that are kept
_POST = """
DO $$
DECLARE
    it jsonb;
BEGIN
    FOR it IN SELECT value FROM jsonb_array_elements(current_setting('test.journals')::jsonb) LOOP
        BEGIN
            INSERT INTO journal (journal_id, ref, kind, post_time)
                VALUES ((it ->> 'id')::uuid, 'test/' || (it ->> 'id'), 'PAYMENT', now());
            INSERT INTO entry SELECT (it ->> 'id')::uuid, number, line ->> 0, line ->> 1, (line ->> 2)::bigint
                FROM jsonb_array_elements(it -> 'lines') WITH ORDINALITY AS lines (line, number);
            SET CONSTRAINTS ALL IMMEDIATE;
        EXCEPTION WHEN integrity_constraint_violation THEN NULL;
        END;
        SET CONSTRAINTS ALL DEFERRED;
    END LOOP;
END $$
"""
_EXTEND = """
DO $$
DECLARE
    it uuid;
BEGIN
    FOREACH it IN ARRAY current_setting('test.extended')::uuid[] LOOP
        BEGIN
            INSERT INTO entry VALUES (it, 101, '1000', 'EUR', 7), (it, 102, '1100', 'EUR', -7);
            SET CONSTRAINTS ALL IMMEDIATE;
            RAISE EXCEPTION 'journal % was extended', it;
        EXCEPTION WHEN integrity_constraint_violation THEN NULL;
        END;
        SET CONSTRAINTS ALL DEFERRED;
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class Drawn:
    """One random journal; its lines have account, currency and amount."""

    journal_id: str
    kind: str
    lines: list[tuple[str, str, int]]

    @property
    def is_right(self) -> bool:
        """What the database should find, computed here a second time."""
        one_currency = len({currency for _, currency, _ in self.lines}) == 1
        return len(self.lines) >= 2 and one_currency and sum(amount for _, _, amount in self.lines) == 0


def _draw(chance: random.Random) -> Drawn:
    (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
    currency = chance.choice(("EUR", "USD", "JPY"))
    amounts = [chance.choice((1, -1)) * chance.randint(1, 10 ** chance.randint(1, 12)) for _ in range(chance.randint(1, 5))]
    rest = -sum(amounts)
    lines = [(chance.choice(ACCOUNTS), currency, amount) for amount in [*amounts, *([rest] if rest else [1, -1])]]
    match kind:
        case "unbalanced":
            account, _, amount = lines[-1]
            lines[-1] = (account, currency, amount + (1 if amount != -1 else 2))
        case "empty":
            lines = []
        case "one line":
            lines = lines[:1]
        case "mixed currency":
            lines += [("1000", "CHF", 3), ("1100", "CHF", -3)]
    return Drawn(str(uuid.UUID(int=chance.getrandbits(128))), kind, lines)


@pytest.fixture
def connection(billing_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the superuser."""
    with psycopg.connect(billing_database) as opened:
        yield opened


def test_just_the_journals_that_balance_are_kept(connection: psycopg.Connection[Any]) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    drawn = [_draw(chance) for _ in range(COUNT)]
    extended = [journal.journal_id for journal in drawn if journal.kind == "extended"]
    for first in range(0, COUNT, 1_000):
        journals = [{"id": it.journal_id, "lines": it.lines} for it in drawn[first : first + 1_000]]
        connection.execute("SELECT set_config('test.journals', %s, true)", [json.dumps(journals)])
        connection.execute(_POST)
        connection.commit()
    connection.execute("SELECT set_config('test.extended', %s, true)", ["{" + ",".join(extended) + "}"])
    connection.execute(_EXTEND)
    connection.commit()
    kept = {journal_id for (journal_id,) in connection.execute("SELECT journal_id::text FROM journal")}
    wrong = [it for it in drawn if it.is_right != (it.journal_id in kept)]
    assert wrong == [], f"seed {seed}"
    assert min(Counter(it.kind for it in drawn).values()) > COUNT // 20
    lines = connection.execute("SELECT journal_id::text, account, currency_code, amount FROM entry ORDER BY journal_id, line")
    stored = Counter(tuple(row) for row in lines)
    assert stored == Counter((it.journal_id, *line) for it in drawn if it.is_right for line in it.lines), f"seed {seed}"


def test_every_journal_is_checked_by_what_is_asked_of_it() -> None:
    """The second opinion has one: each kind is right or wrong as its name says."""
    chance = random.Random(1)
    judged = {(it.kind, it.is_right) for it in (_draw(chance) for _ in range(2_000))}
    assert judged == {(kind, kind in ("balanced", "extended")) for kind in KINDS}
