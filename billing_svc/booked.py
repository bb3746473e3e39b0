"""Whether invoices, payments and refunds are in the ledger as they say: one statement each, both sides as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from billing_svc.domain.reconciliation import DifferenceKind

MAX_ROWS: Final = 100

_INVOICES: Final = """
WITH notes AS (SELECT invoice_id, sum(net) AS net, sum(tax) AS tax FROM credit_note GROUP BY invoice_id),
ours AS (
    SELECT invoice_id::text AS id, currency_code, ARRAY[invoice.net, invoice.tax,
        CASE WHEN state = 'VOID' THEN invoice.net + invoice.tax ELSE 0 END, credited, coalesce(notes.net, 0),
        coalesce(notes.tax, 0), paid, outstanding]::bigint[] AS amounts
    FROM invoice LEFT JOIN notes USING (invoice_id)),
booked AS (
    SELECT invoice_id::text AS id, currency_code, ARRAY[
        coalesce(-sum(amount) FILTER (WHERE kind = 'INVOICE' AND account = '2300'), 0),
        coalesce(-sum(amount) FILTER (WHERE kind = 'INVOICE' AND account = '2000'), 0),
        coalesce(-sum(amount) FILTER (WHERE kind = 'VOID' AND account = '1100'), 0),
        coalesce(sum(amount) FILTER (WHERE kind = 'CREDIT_NOTE' AND account IN ('2000', '2300', '4200')), 0),
        coalesce(sum(amount) FILTER (WHERE kind = 'CREDIT_NOTE' AND account IN ('2300', '4200')), 0),
        coalesce(sum(amount) FILTER (WHERE kind = 'CREDIT_NOTE' AND account = '2000'), 0),
        coalesce(-sum(amount) FILTER (WHERE kind = 'PAYMENT' AND account = '1100'), 0),
        coalesce(sum(amount) FILTER (WHERE account = '1100'), 0)]::bigint[] AS amounts
    FROM journal JOIN entry USING (journal_id)
    WHERE invoice_id IS NOT NULL AND account IN ('1100', '2000', '2300', '4200') GROUP BY invoice_id, currency_code)
"""
_PAYMENTS: Final = """
WITH ours AS (
    SELECT payment_id::text AS id, received_currency_code AS currency_code,
        ARRAY[received, coalesce(applied, 0), received - coalesce(applied, 0)]::bigint[] AS amounts
    FROM payment WHERE received IS NOT NULL),
booked AS (
    SELECT split_part(ref, '/', 2) AS id, currency_code, ARRAY[
        coalesce(sum(amount) FILTER (WHERE account = '1000'), 0),
        coalesce(-sum(amount) FILTER (WHERE account = '1100'), 0),
        coalesce(-sum(amount) FILTER (WHERE account = '2100'), 0)]::bigint[] AS amounts
    FROM journal JOIN entry USING (journal_id) WHERE kind = 'PAYMENT' GROUP BY ref, currency_code)
"""
_REFUNDS: Final = """
WITH ours AS (
    SELECT refund_id::text AS id, currency_code, ARRAY[amount, amount]::bigint[] AS amounts
    FROM refund WHERE state = 'SUCCEEDED'),
booked AS (
    SELECT split_part(ref, '/', 2) AS id, currency_code, ARRAY[
        coalesce(-sum(amount) FILTER (WHERE account = '1000'), 0),
        coalesce(sum(amount) FILTER (WHERE account = '2200'), 0)]::bigint[] AS amounts
    FROM journal JOIN entry USING (journal_id) WHERE kind = 'REFUND' GROUP BY ref, currency_code)
"""
_DIFFERING: Final = """
SELECT id, currency_code, coalesce(ours.amounts, :nothing) AS ours, coalesce(booked.amounts, :nothing) AS booked
FROM ours FULL JOIN booked USING (id, currency_code)
WHERE coalesce(ours.amounts, :nothing) IS DISTINCT FROM coalesce(booked.amounts, :nothing) ORDER BY id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What one resource and the ledger have of it, by name, in minor units of one currency: only what differs."""

    kind: DifferenceKind
    resource_id: str
    currency_code: str
    ours: dict[str, int]
    booked: dict[str, int]


_CHECKS: Final[tuple[tuple[DifferenceKind, str, tuple[str, ...]], ...]] = (
    (
        DifferenceKind.INVOICE_NOT_AS_BOOKED,
        _INVOICES,
        ("net", "tax", "voided", "credited", "net of credit notes", "tax of credit notes", "paid", "outstanding"),
    ),
    (DifferenceKind.PAYMENT_NOT_AS_BOOKED, _PAYMENTS, ("received", "applied", "not applied")),
    (DifferenceKind.REFUND_NOT_AS_BOOKED, _REFUNDS, ("given back", "taken off what is owed")),
)


def mismatches(connection: sa.Connection) -> Iterator[Mismatch]:
    """Compare everything with the ledger; of each kind the first 100 by id. The connection sees one moment."""
    for kind, sides, names in _CHECKS:
        wanted = {"nothing": [0] * len(names), "limit": MAX_ROWS}
        for row in connection.execute(sa.text(sides + _DIFFERING), wanted):
            pairs = [(name, a, b) for name, a, b in zip(names, row.ours, row.booked, strict=True) if a != b]
            ours, booked = {name: a for name, a, _ in pairs}, {name: b for name, _, b in pairs}
            yield Mismatch(kind, row.id, row.currency_code, ours, booked)


def count_invoices(connection: sa.Connection) -> int:
    """Count the invoices."""
    return int(connection.execute(sa.text("SELECT count(*) FROM invoice")).scalar_one())
