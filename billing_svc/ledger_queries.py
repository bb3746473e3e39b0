"""The reads of the ledger: accounts, journals, the trial balance, and whether it is as it was sealed."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from atlas.billing.v1 import ledger_pb2
from billing_svc import balances, invariants, verifying
from billing_svc.domain.ledger import ACCOUNTS
from billing_svc.tables import entry, journal, seal
from billing_svc.wire import enum_value
from chassis.clock import Clock
from chassis.errors import NotFound, ValidationFailed, Violation
from chassis.money import Money
from chassis.paging import Pager
from chassis.values import money_message, time, time_message
from chassis.world import Actor

_CHART = sa.values(sa.column("account", sa.Text), sa.column("name", sa.Text), sa.column("kind", sa.Text), name="chart").data(
    [(number, name, kind.value) for number, name, kind in ACCOUNTS]
)
_NAMES = {number: name for number, name, _kind in ACCOUNTS}


def get_journal(
    connection: sa.Connection, request: ledger_pb2.GetJournalRequest, _actor: Actor
) -> ledger_pb2.GetJournalResponse:
    """Read one journal."""
    rows = connection.execute(sa.select(journal).where(journal.c.journal_id == request.journal_id)).all()
    if not rows:
        raise NotFound(f"there is no journal {request.journal_id}")
    return ledger_pb2.GetJournalResponse(journal=_journals(connection, rows)[0])


def verify_ledger(
    connection: sa.Connection, request: ledger_pb2.VerifyLedgerRequest, _actor: Actor
) -> ledger_pb2.VerifyLedgerResponse:
    """Verify a part of the chain; with its last part, also what concerns the whole ledger."""
    part = verifying.part_after(connection, request.after_sequence)
    if part is None:
        raise _invalid(
            "after_sequence", "sequence.sealed", "must be 0, or the next_sequence of an answer: nothing is sealed there"
        )
    wrong = list(part.wrong)
    if part.is_last:
        wrong += [*verifying.whole(connection), *invariants.sub_ledgers(connection)]
    return ledger_pb2.VerifyLedgerResponse(
        verified=not wrong,
        journals_checked=part.journals,
        head_hash=part.hash.hex(),
        head_sequence=part.sequence,
        findings=[
            ledger_pb2.LedgerFinding(journal_id=each.journal_id, finding=each.finding)
            for each in wrong[: verifying.MAX_FINDINGS]
        ],
        next_sequence=None if part.is_last else part.sequence,
    )


class LedgerQueries:
    """The reads that page, and the one that needs to know the time."""

    def __init__(self, pager: Pager, clock: Clock) -> None:
        self._pager = pager
        self._clock = clock

    def list_accounts(
        self, connection: sa.Connection, request: ledger_pb2.ListAccountsRequest, actor: Actor
    ) -> ledger_pb2.ListAccountsResponse:
        """List the chart of accounts, by number."""
        page = self._pager.page(request, actor)
        rows, token = page.select(connection, sa.select(_CHART), _CHART.c.account.asc())
        accounts = [
            ledger_pb2.Account(
                account=row.account,
                name=row.name,
                kind=enum_value(ledger_pb2.AccountKind, "ACCOUNT_KIND", row.kind),
            )
            for row in rows
        ]
        return ledger_pb2.ListAccountsResponse(accounts=accounts, next_page_token=token)

    def list_journals(
        self, connection: sa.Connection, request: ledger_pb2.ListJournalsRequest, actor: Actor
    ) -> ledger_pb2.ListJournalsResponse:
        """List journals, newest first."""
        statement = sa.select(journal)
        if request.HasField("order_id"):
            statement = statement.where(journal.c.order_id == request.order_id)
        if request.HasField("invoice_id"):
            statement = statement.where(journal.c.invoice_id == request.invoice_id)
        if request.HasField("account"):
            _known_account(request.account)
            moved = sa.select(entry.c.journal_id).where(entry.c.account == request.account)
            statement = statement.where(journal.c.journal_id.in_(moved))
        page = self._pager.page(request, actor)
        rows, token = page.select(connection, statement, journal.c.post_time.desc(), journal.c.journal_id.desc())
        return ledger_pb2.ListJournalsResponse(journals=_journals(connection, rows), next_page_token=token)

    def get_trial_balance(
        self, connection: sa.Connection, request: ledger_pb2.GetTrialBalanceRequest, _actor: Actor
    ) -> ledger_pb2.GetTrialBalanceResponse:
        """Say what all accounts amount to, per currency. A time that is ahead, or before the first journal, is refused."""
        now = self._clock.now()
        as_of = time(request.as_of) if request.HasField("as_of") else now
        _check_time(connection, as_of, now)
        rows = balances.at(connection, as_of)
        currencies = [_currency(code, list(mine)) for code, mine in groupby(rows, key=lambda row: row.currency_code)]
        balance = ledger_pb2.TrialBalance(as_of=time_message(as_of), currencies=currencies)
        return ledger_pb2.GetTrialBalanceResponse(trial_balance=balance)


def _check_time(connection: sa.Connection, as_of: datetime, now: datetime) -> None:
    """Refuse a time at which nothing can be known, or nothing was. Where nothing was ever posted, any past time is empty."""
    if as_of > now:
        raise _invalid("as_of", "time.past", "must not be in the future", hint="Leave as_of out for the balance of now.")
    first = connection.execute(sa.select(sa.func.min(journal.c.post_time))).scalar()
    if first is not None and as_of < min(first, now):
        text = time_message(first).ToJsonString()
        raise _invalid(
            "as_of", "time.posted", f"must not be before the first journal, posted {text}", hint="Ask for a later time."
        )


def _invalid(field: str, rule: str, message: str, hint: str = "") -> ValidationFailed:
    return ValidationFailed(f"{field} {message}", hint=hint, violations=(Violation(field, rule, message),))


def _known_account(number: str) -> None:
    if number not in _NAMES:
        violation = Violation("account", "account.known", f"must be one of {', '.join(_NAMES)}")
        raise ValidationFailed(f"there is no account {number}", violations=(violation,))


def _currency(code: str, rows: list[sa.Row[Any]]) -> ledger_pb2.CurrencyBalance:
    accounts = [
        ledger_pb2.AccountBalance(
            account=row.account,
            name=_NAMES[row.account],
            debit_minor_units=int(row.debit),
            credit_minor_units=int(row.credit),
            balance_minor_units=int(row.debit - row.credit),
        )
        for row in rows
    ]
    balanced = sum(account.balance_minor_units for account in accounts) == 0
    return ledger_pb2.CurrencyBalance(currency_code=code, balanced=balanced, accounts=accounts)


def _journals(connection: sa.Connection, rows: list[sa.Row[Any]] | Any) -> list[ledger_pb2.Journal]:
    ids = sa.bindparam("ids", [row.journal_id for row in rows], type_=pg.ARRAY(pg.UUID(as_uuid=False)))
    statement = sa.select(entry).where(entry.c.journal_id == sa.any_(ids)).order_by(entry.c.line)
    entries: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(statement):
        entries[row.journal_id].append(row)
    sealed = {row.journal_id: row for row in connection.execute(sa.select(seal).where(seal.c.journal_id == sa.any_(ids)))}
    return [_journal(row, entries[row.journal_id], sealed.get(row.journal_id)) for row in rows]


def _journal(row: sa.Row[Any], entries: list[sa.Row[Any]], sealed: sa.Row[Any] | None) -> ledger_pb2.Journal:
    post_time = time_message(row.post_time.astimezone(UTC))
    return ledger_pb2.Journal(
        journal_id=row.journal_id,
        kind=enum_value(ledger_pb2.JournalKind, "JOURNAL_KIND", row.kind),
        ref=row.ref,
        order_id=row.order_id,
        invoice_id=row.invoice_id,
        source_event_id=row.source_event_id or "",
        post_time=post_time,
        entries=[_entry(e) for e in entries],
        sequence=sealed.sequence if sealed else None,
        hash=sealed.hash.hex() if sealed else None,
        previous_hash=sealed.previous_hash.hex() if sealed else None,
        version=1,
        create_time=post_time,
        update_time=post_time,
    )


def _entry(row: sa.Row[Any]) -> ledger_pb2.Entry:
    side = ledger_pb2.ENTRY_SIDE_DEBIT if row.amount > 0 else ledger_pb2.ENTRY_SIDE_CREDIT
    return ledger_pb2.Entry(account=row.account, side=side, amount=money_message(Money(row.currency_code, abs(row.amount))))
