"""What must hold in billing_svc's own database at any time (domain.md, Ledger; reliability.md, I8 and I9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from billing_svc import balances, rows, store, tables, verifying
from billing_svc.domain.order_account import OrderAccount
from chassis.application import Finding

MAX_WRONG = 10
CHUNK = 500

_UNBALANCED: Final = """
SELECT journal_id::text FROM journal FULL JOIN entry USING (journal_id) GROUP BY journal_id
HAVING count(account) < 2 OR sum(amount) <> 0 OR count(DISTINCT currency_code) <> 1 OR count(ref) = 0
"""
_TRIAL_BALANCE: Final = "SELECT currency_code FROM entry GROUP BY currency_code HAVING sum(amount) <> 0"
_RECEIVABLE: Final = """
SELECT invoice_id::text FROM invoice LEFT JOIN (
    SELECT journal.invoice_id, sum(amount) AS amount FROM entry JOIN journal USING (journal_id)
    WHERE account = '1100' GROUP BY journal.invoice_id) AS booked USING (invoice_id)
WHERE coalesce(booked.amount, 0) <> outstanding
"""
_REFUNDS_PAYABLE: Final = """
SELECT currency_code FROM (
    SELECT currency_code, amount FROM entry WHERE account = '2200'
    UNION ALL SELECT currency_code, amount FROM refund WHERE NOT is_succeeded) AS both_sides
GROUP BY currency_code HAVING sum(amount) <> 0
"""
_UNAPPLIED_CASH: Final = """
SELECT journal.order_id::text FROM entry JOIN journal USING (journal_id) WHERE account = '2100'
GROUP BY journal.order_id, currency_code HAVING sum(amount) <> 0
"""
_DEFERRED_REVENUE: Final = """
SELECT order_id::text FROM invoice JOIN order_account USING (order_id) LEFT JOIN (
    SELECT journal.order_id, sum(amount) AS amount FROM entry JOIN journal USING (journal_id)
    WHERE account = '2300' GROUP BY journal.order_id) AS booked USING (order_id)
WHERE -coalesce(booked.amount, 0) <> CASE WHEN invoice.state IN ('VOID', 'CREDITED') THEN 0 ELSE net - coalesce(
    (SELECT sum(coalesce(value ->> 'net', value ->> 1)::bigint) FROM jsonb_each(shipments)), 0) - coalesce(
    (SELECT sum(note.net) FROM credit_note AS note WHERE note.order_id = invoice.order_id AND kind = 'CANCELLATION'), 0) END
"""
_REFUNDS_OF_PAYMENT: Final = """
SELECT payment_id::text FROM payment JOIN refund USING (payment_id) GROUP BY payment_id
HAVING sum(refund.amount) > coalesce(payment.received, 0)
    OR bool_or(refund.currency_code <> payment.received_currency_code)
"""
_INVENTORY: Final = """
SELECT journal_id::text FROM entry JOIN journal USING (journal_id)
WHERE account = '1200' AND kind NOT IN ('STOCK', 'SHIPMENT')
"""
_NUMBERS: Final = """
SELECT series FROM (
    SELECT left(invoice_number, -7) AS series, right(invoice_number, 6)::bigint AS number FROM invoice
    UNION ALL SELECT left(credit_note_number, -7), right(credit_note_number, 6)::bigint FROM credit_note) AS drawn
GROUP BY series HAVING count(DISTINCT number) <> max(number) OR count(*) <> max(number)
UNION ALL SELECT name FROM counter WHERE last_number <> (
    SELECT count(*) FROM (SELECT invoice_number AS text, 'invoice' AS name FROM invoice
        UNION ALL SELECT credit_note_number, 'credit_note' FROM credit_note) AS drawn
    WHERE drawn.name = counter.name AND text LIKE CASE WHEN year = 0 THEN '%' ELSE '%-' || year || '-%' END)
"""

_CHECKS: Final[tuple[tuple[str, str, sa.Table, str], ...]] = (
    ("I8.journals", "each journal has two or more entries of one currency that add up to 0", tables.journal, _UNBALANCED),
    ("I8.trial-balance", "all entries of a currency add up to 0", tables.entry, _TRIAL_BALANCE),
    ("ledger.1100", "the receivable of each invoice is what is outstanding", tables.invoice, _RECEIVABLE),
    ("ledger.2200", "refunds payable are the refunds that have not succeeded", tables.refund, _REFUNDS_PAYABLE),
    ("ledger.2100", "no order has unapplied cash that nobody gives back", tables.journal, _UNAPPLIED_CASH),
    (
        "ledger.2300",
        "deferred revenue is the net that live invoices have neither shipped nor credited",
        tables.invoice,
        _DEFERRED_REVENUE,
    ),
    ("ledger.1200", "inventory moves by stock and shipments only", tables.journal, _INVENTORY),
    ("ledger.balances", "kept balances are what the sealed journals moved", tables.balance, balances.DIFFERING),
    ("refunds", "the refunds of a payment are no more than came in", tables.payment, _REFUNDS_OF_PAYMENT),
    ("numbers", "invoices and credit notes are numbered without gaps", tables.counter, _NUMBERS),
)


_SUB_LEDGERS: Final = {"ledger.1100", "ledger.2200", "ledger.2100", "ledger.2300", "ledger.1200", "refunds"}


def check(connection: sa.Connection) -> list[Finding]:
    """Check the books, their chain, and every order's account."""
    return [*(_check(connection, *it) for it in _CHECKS), _chain(connection), _states(connection)]


def sub_ledgers(connection: sa.Connection) -> list[verifying.Wrong]:
    """Say which accounts differ from the invoices, payments and refunds that they stand for; of each kind, name the first."""
    found = []
    for name, statement, _table, wrong in _CHECKS:
        keys = list(connection.execute(sa.text(f"{wrong} LIMIT {MAX_WRONG}")).scalars()) if name in _SUB_LEDGERS else []
        found += [verifying.Wrong("", f"{name}: {key}: it does not hold that {statement}") for key in keys]
    return found


def _check(connection: sa.Connection, name: str, statement: str, table: sa.Table, wrong: str) -> Finding:
    checked = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    found = connection.execute(sa.text(f"{wrong} LIMIT {MAX_WRONG}")).scalars()
    return Finding(name, statement, checked, tuple(str(key) for key in found))


def _chain(connection: sa.Connection) -> Finding:
    """Verify the whole chain."""
    parts = list(verifying.parts(connection))
    wrong = [*(each for part in parts for each in part.wrong), *verifying.whole(connection)]
    named = tuple(f"{each.journal_id}: {each.finding}" for each in wrong[:MAX_WRONG])
    return Finding("I8.chain", "each journal is as it was sealed, or waits for that", sum(p.journals for p in parts), named)


def _states(connection: sa.Connection) -> Finding:
    """Compare the stored states with what the facts derive."""
    checked, wrong = 0, []
    for account, stored in _accounts(connection):
        checked += 1
        parts = [*rows.invoice_rows(account), *rows.payment_rows(account), *rows.refund_rows(account)]
        if [part["state"] for part in parts] != stored:
            wrong.append(account.order_id)
    return Finding("I9.state", "stored states equal what the facts derive", checked, tuple(wrong[:MAX_WRONG]))


def _accounts(connection: sa.Connection) -> Iterator[tuple[OrderAccount, list[str]]]:
    """Read all accounts, a chunk at a time, each with the states that are stored of its parts."""
    table, after = tables.order_account, None
    while True:
        statement = sa.select(table).order_by(table.c.order_id).limit(CHUNK)
        chunk = connection.execute(statement.where(table.c.order_id > after) if after else statement).all()
        if not chunk:
            return
        ids = [row.order_id for row in chunk]
        families = [store.load_parts(connection, child, ids) for child in store.ACCOUNTS.children]
        for row in chunk:
            mine: list[list[Any]] = [family[row.order_id] for family in families]
            mine[1].sort(key=lambda r: r.attempt_number)
            states = [part.state for part in [*mine[0], *mine[1], *mine[2]]]
            yield rows.account_from(row, mine), states
        after = chunk[-1].order_id
