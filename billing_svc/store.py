"""How billing keeps its accounts, its number series and its ledger."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from billing_svc import lookups, rows, tables
from billing_svc.domain.chain import LedgerHead
from billing_svc.domain.numbering import Counter
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.report import Message, Mismatch
from billing_svc.posting import POSTED, PostedJournal
from chassis.database import array_parameters, by_column, insert_rows, unnest
from chassis.store import Child, Columns, Mapping, Store
from chassis.world import Keys, Row, World

_PARTS: tuple[tuple[sa.Table, Callable[[OrderAccount], list[Columns]]], ...] = (
    (tables.invoice, rows.invoice_rows),
    (tables.payment, rows.payment_rows),
    (tables.refund, rows.refund_rows),
    (tables.credit_note, rows.credit_note_rows),
)


def _nothing(_account: OrderAccount) -> list[Columns]:
    """The parts of an account are written by BillingStore, which moves the version of those that changed."""
    return []


class BillingStore(Store):
    """Orders before counters: that is the lock order. The ledger is only read and added to, so it needs no lock."""

    def load(self, connection: sa.Connection, keys: Keys) -> World:
        """Lock and load accounts and counters, and learn which of the named journals are in the ledger.

        An account may be named by what belongs to it.
        """
        owners = lookups.owners(connection, keys)
        world = super().load(connection, keys | {(OrderAccount, order_id) for order_id in owners.values()})
        world.extra[lookups.EXTRA] = owners
        refs = sorted(key for kind, key in keys if kind is PostedJournal)
        if refs:
            wanted = sa.bindparam("refs", refs, type_=pg.ARRAY(sa.Text))
            statement = sa.select(tables.journal.c.ref).where(tables.journal.c.ref == sa.any_(wanted))
            world.extra[POSTED] = frozenset(connection.execute(statement).scalars())
        return world

    def save(self, connection: sa.Connection, world: World) -> None:
        """Write what changed, and post the new journals."""
        super().save(connection, world)
        accounts = world.changed(OrderAccount)
        for table, parts in _PARTS:
            _write_parts(connection, table, [c for row in accounts for c in _stamped(row, parts(row.aggregate))])
        _post(connection, [row.aggregate for row in world.changed(PostedJournal)])


def _stamped(row: Row[OrderAccount], parts: list[Columns]) -> list[Columns]:
    times = {"version": 1, "create_time": row.update_time, "update_time": row.update_time}
    return [{**part, **times} for part in parts]


def _write_parts(connection: sa.Connection, table: sa.Table, parts: Sequence[Columns]) -> None:
    if parts:
        connection.execute(_write(table, tuple(parts[0])), array_parameters(by_column(parts)))


@functools.cache
def _write(table: sa.Table, names: tuple[str, ...]) -> pg.Insert:
    """Insert, or overwrite what differs: only then the part's own version and update_time move."""
    source = unnest(table, names)
    statement = pg.insert(table).from_select(list(names), sa.select(*[source.c[name] for name in names]))
    keys = [column.name for column in table.primary_key]
    content = [name for name in names if name not in (*keys, "version", "create_time", "update_time")]
    new = statement.excluded
    moved = {"version": table.c.version + 1, "update_time": new.update_time}
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={**{name: new[name] for name in content}, **moved},
        where=sa.tuple_(*[table.c[n] for n in content]).is_distinct_from(sa.tuple_(*[new[n] for n in content])),
    )


_JOURNAL_COLUMNS = ("journal_id", "ref", "kind", "order_id", "invoice_id", "source_event_id", "post_time")
_JOURNAL_ROWS = unnest(tables.journal, _JOURNAL_COLUMNS)
_POST = (
    pg.insert(tables.journal)
    .from_select(
        list(_JOURNAL_COLUMNS),
        sa.select(*[_JOURNAL_ROWS.c[name] for name in _JOURNAL_COLUMNS]).order_by(_JOURNAL_ROWS.c.ref),
    )
    .on_conflict_do_nothing(index_elements=["ref"])
    .returning(tables.journal.c.journal_id)
)


def _post(connection: sa.Connection, posted: Sequence[PostedJournal]) -> None:
    """Add journals to the ledger; one whose natural key is there already was posted by someone else meanwhile."""
    if not posted:
        return
    columns = by_column([_journal_columns(p) for p in posted])
    new = set(connection.execute(_POST, array_parameters(columns)).scalars())
    insert_rows(connection, tables.entry, [entry for p in posted if p.journal_id in new for entry in _entries(p)])


def _journal_columns(posted: PostedJournal) -> Columns:
    journal = posted.journal
    return {
        "journal_id": posted.journal_id,
        "ref": journal.ref,
        "kind": journal.kind.value,
        "order_id": journal.subject.order_id,
        "invoice_id": journal.subject.invoice_id,
        "source_event_id": posted.source_event_id,
        "post_time": posted.post_time,
    }


def _entries(posted: PostedJournal) -> list[Columns]:
    about = {"journal_id": posted.journal_id, "currency_code": posted.journal.currency_code}
    return [
        {**about, "line": line, "account": entry.account, "amount": entry.amount}
        for line, entry in enumerate(posted.journal.entries, start=1)
    ]


def _counter_columns(counter: Counter) -> Columns:
    return {"year": counter.year, "last_number": counter.last_number}


def _counter_from(row: Any, _children: object) -> Counter:
    return Counter(row.name, row.year, row.last_number)


def _message_columns(message: Message) -> Columns:
    mismatch = message.mismatch
    return {
        "kind": message.kind,
        "body": message.body,
        "refused_field": mismatch.field if mismatch else None,
        "refused_rule": mismatch.rule if mismatch else None,
    }


def _message_from(row: Any, _children: object) -> Message:
    provider, _, message_id = row.message_key.partition("/")
    mismatch = Mismatch(row.refused_field, row.refused_rule) if row.refused_field else None
    return Message(provider, message_id, row.kind, row.body, mismatch=mismatch)


def _head_columns(head: LedgerHead) -> Columns:
    return {"sequence": head.sequence, "hash": head.hash}


def _head_from(row: Any, _children: object) -> LedgerHead:
    return LedgerHead(row.ledger, row.sequence, bytes(row.hash))


ACCOUNTS = Mapping(
    OrderAccount,
    tables.order_account,
    "order_id",
    rows.account_columns,
    rows.account_from,
    children=tuple(Child(table, "order_id", _nothing) for table, _parts in _PARTS),
    is_stream=True,
)
HEAD = Mapping(LedgerHead, tables.ledger_head, "ledger", _head_columns, _head_from, is_stream=True)
STORE = BillingStore(
    ACCOUNTS,
    Mapping(Counter, tables.counter, "name", _counter_columns, _counter_from),
    Mapping(Message, tables.provider_message, "message_key", _message_columns, _message_from),
    HEAD,
)


def load_parts(connection: sa.Connection, child: Child[OrderAccount], order_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Read the parts of one kind that orders have, without a lock."""
    return BillingStore._load_children(connection, child, order_ids)
