"""Balances per account, for one order or for all of billing."""

from __future__ import annotations

import sqlalchemy as sa

from billing_svc import tables
from tests.saga.services import Services


def balances(services: Services, order_id: str) -> dict[str, int]:
    """The balance of each account over the journals of one order, in minor units; accounts at zero are left out."""
    entry, journal = tables.entry.c, tables.journal.c
    statement = sa.select(entry.account, sa.func.sum(entry.amount).label("amount")).where(journal.order_id == order_id)
    statement = statement.join(tables.journal, journal.journal_id == entry.journal_id).group_by(entry.account)
    with services.connection("billing") as connection:
        return {row.account: int(row.amount) for row in connection.execute(statement) if row.amount}


def account_balance(services: Services, account: str) -> int:
    """The balance of one account over all journals, in minor units."""
    entry = tables.entry.c
    statement = sa.select(sa.func.coalesce(sa.func.sum(entry.amount), 0)).where(entry.account == account)
    with services.connection("billing") as connection:
        return int(connection.execute(statement).scalar_one())


def trial_balance(services: Services) -> dict[str, int]:
    """The sum of all entries by currency: zero each."""
    entry = tables.entry.c
    statement = sa.select(entry.currency_code, sa.func.sum(entry.amount).label("amount")).group_by(entry.currency_code)
    with services.connection("billing") as connection:
        return {row.currency_code: int(row.amount) for row in connection.execute(statement)}
