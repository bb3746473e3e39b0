"""Whether the ledger is as it was sealed: reads the chain a part at a time, and names each journal that is not as it was.

PostgreSQL computes every hash again, a part of the chain in one statement, so that no row comes here but what is wrong. What
concerns the whole ledger is looked at once, at the end of the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from billing_svc import canonical
from billing_svc.domain.chain import FIRST_HASH
from billing_svc.tables import seal

PART: Final = 10_000
"""How many journals one part has at most: as many as PostgreSQL joins in the memory that it gives to a query by default."""
MAX_FINDINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is not as it was written; `journal_id` is empty where it is no single journal's."""

    journal_id: str
    finding: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the chain came to: the last seal it read, how many journals, and whether it is the last part."""

    sequence: int
    hash: bytes
    journals: int
    is_last: bool
    wrong: tuple[Wrong, ...]


# FULL, though nothing is in `booked` or `posted` that is not in the part: what ANY finds is taken for ten rows, and only a full
# join is never a loop over them for each place
_CHAIN = sa.text(
    f"""
WITH part AS MATERIALIZED (
    SELECT seal.*, lag(sequence, 1, CAST(:after AS bigint)) OVER place AS before,
        lag(hash, 1, CAST(:hash AS bytea)) OVER place AS hash_before
    FROM seal WHERE sequence > :after AND sequence <= :last WINDOW place AS (ORDER BY sequence)
), booked AS (
    SELECT journal_id, {canonical.JOURNAL} AS form FROM journal WHERE journal_id = ANY (ARRAY(SELECT journal_id FROM part))
), posted AS (
    SELECT journal_id, {canonical.ENTRIES} AS entries, count(*) AS lines, sum(amount) AS balance,
        min(currency_code COLLATE "C") AS lowest, max(currency_code COLLATE "C") AS highest
    FROM entry WHERE journal_id = ANY (ARRAY(SELECT journal_id FROM part)) GROUP BY journal_id
)
SELECT journal_id::text, finding FROM (
    SELECT sequence, journal_id, CASE
        WHEN sequence <> before + 1 THEN format('places %s to %s of the chain are missing before it', before + 1, sequence - 1)
        WHEN previous_hash <> hash_before THEN 'its seal does not continue the one before'
        WHEN form IS NULL THEN 'it is sealed, but not in the ledger'
        WHEN hash <> sha256(previous_hash || form || coalesce(entries, '')) THEN 'it is not as it was sealed'
        WHEN coalesce(lines, 0) < 2 OR balance <> 0 OR lowest <> highest THEN 'it is sealed, but does not balance'
    END AS finding
    FROM part FULL JOIN booked USING (journal_id) FULL JOIN posted USING (journal_id)
) AS checked WHERE finding IS NOT NULL ORDER BY sequence LIMIT :limit
"""  # noqa: S608 - made of constants
)
_EXTENT = sa.text(
    """
SELECT part.sequence, part.hash, (SELECT count(*) FROM seal WHERE sequence > :after AND sequence <= part.sequence) AS journals,
    NOT EXISTS (SELECT FROM seal WHERE sequence > part.sequence) AS is_last
FROM (
    SELECT sequence, hash FROM seal WHERE sequence > :after AND sequence <= :until ORDER BY sequence DESC LIMIT 1
) AS part
"""
)
_NEXT = sa.text("SELECT min(sequence) FROM seal WHERE sequence > :after")

_HEAD = """
SELECT coalesce(last.journal_id::text, ''), format('the head of the chain is at place %s, which is not its last seal', head)
FROM (SELECT sequence AS head, hash FROM ledger_head) AS head
LEFT JOIN (SELECT sequence, journal_id, hash FROM seal ORDER BY sequence DESC LIMIT 1) AS last ON true
WHERE head <> coalesce(last.sequence, 0) OR head.hash <> coalesce(last.hash, :first_hash)
"""
_UNSEALED = """
SELECT journal_id::text, 'it is neither sealed nor does it wait for that: nobody has posted it' FROM journal
WHERE NOT EXISTS (SELECT FROM seal WHERE seal.journal_id = journal.journal_id)
    AND NOT EXISTS (SELECT FROM unsealed WHERE unsealed.journal_id = journal.journal_id)
"""
_WAITING = """
SELECT journal_id::text, CASE WHEN ref IS NULL THEN 'it waits for its seal, but is not in the ledger'
    WHEN seal.sequence IS NOT NULL THEN 'it waits for its seal, but has one' ELSE 'it does not balance' END
FROM unsealed LEFT JOIN journal USING (journal_id) LEFT JOIN seal USING (journal_id) CROSS JOIN LATERAL (
    SELECT count(*) AS lines, sum(amount) AS balance, count(DISTINCT currency_code) AS currencies
    FROM entry WHERE entry.journal_id = unsealed.journal_id) AS posted
WHERE ref IS NULL OR seal.sequence IS NOT NULL OR lines < 2 OR balance <> 0 OR currencies <> 1
"""
_TOTALS = """
SELECT '', CASE grouping(account)
    WHEN 0 THEN format('account %s in %s is kept as %s and %s, its entries add up to %s and %s', account, currency_code,
        sum(kept_debit), sum(kept_credit), sum(debit), sum(credit))
    ELSE format('all entries in %s add up to %s and %s', currency_code, sum(debit), sum(credit)) END
FROM (
    SELECT account, currency_code, debit AS kept_debit, credit AS kept_credit, 0 AS debit, 0 AS credit
    FROM balance WHERE span = 'ALL'
    UNION ALL
    SELECT account, currency_code, sum(greatest(amount, 0)), sum(greatest(-amount, 0)), 0, 0
    FROM unsealed JOIN entry USING (journal_id) GROUP BY account, currency_code
    UNION ALL
    SELECT account, currency_code, 0, 0, coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
        coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)
    FROM entry GROUP BY account, currency_code
) AS sums GROUP BY GROUPING SETS ((account, currency_code), (currency_code)) HAVING CASE grouping(account)
    WHEN 0 THEN sum(kept_debit) <> sum(debit) OR sum(kept_credit) <> sum(credit) ELSE sum(debit) <> sum(credit) END
ORDER BY account, currency_code
"""
_ORPHANS = """
SELECT DISTINCT journal_id::text, 'it has entries, but is not in the ledger' FROM entry
WHERE NOT EXISTS (SELECT FROM journal WHERE journal.journal_id = entry.journal_id)
    AND NOT EXISTS (SELECT FROM seal WHERE seal.journal_id = entry.journal_id)
"""


def part_after(connection: sa.Connection, after: int, size: int = PART) -> Part | None:
    """Verify up to `size` places of the chain after this one. None where this is no place of the chain; 0 is before it."""
    before = FIRST_HASH if after == 0 else connection.execute(sa.select(seal.c.hash).where(seal.c.sequence == after)).scalar()
    if before is None:
        return None
    begin = connection.execute(_NEXT, {"after": after}).scalar()
    if begin is None:
        return Part(after, bytes(before) if after else b"", 0, True, ())
    extent = connection.execute(_EXTENT, {"after": after, "until": begin - 1 + size}).one()
    canonical.use_utf8(connection)
    place = {"after": after, "hash": bytes(before), "last": extent.sequence, "limit": MAX_FINDINGS}
    wrong = tuple(Wrong(*row) for row in connection.execute(_CHAIN, place))
    return Part(extent.sequence, bytes(extent.hash), extent.journals, extent.is_last, wrong)


def parts(connection: sa.Connection, size: int = PART) -> Iterator[Part]:
    """Verify the whole chain, a part at a time."""
    part = part_after(connection, 0, size)
    while part is not None:
        yield part
        part = None if part.is_last else part_after(connection, part.sequence, size)


def whole(connection: sa.Connection) -> list[Wrong]:
    """Look at what no part of the chain shows: its head, what is not in it, what waits for it, and what all adds up to."""
    found = [*_wrong(connection, _HEAD, first_hash=FIRST_HASH), *_wrong(connection, _UNSEALED), *_wrong(connection, _WAITING)]
    if differing := _wrong(connection, _TOTALS):
        found += [*differing, *_wrong(connection, _ORPHANS)]  # every entry is looked up only where something differs
    return found


def _wrong(connection: sa.Connection, statement: str, **parameters: Any) -> Sequence[Wrong]:
    rows = connection.execute(sa.text(f"{statement} LIMIT {MAX_FINDINGS}"), parameters)
    return [Wrong(*row) for row in rows]
