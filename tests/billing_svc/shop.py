"""Billing on the sandbox provider, with both their memories at hand: for comparing the two."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from pydantic import SecretStr

from atlas.billing.v1 import ledger_pb2
from billing_svc import app, tables
from billing_svc.domain.order_account import OrderAccount
from billing_svc.provider import RestProvider
from billing_svc.reconciling import Reconciler
from billing_svc.settings import Settings
from chassis.clock import ManualClock
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from tests.billing_svc.builders import NOW, inventory_reserved, order_cancelled, order_placed
from tests.billing_svc.sandbox import KEY, Sandbox
from tests.billing_svc.till import Till, new_order_id
from tests.timers import asked_in_turn

PATIENCE_SECONDS = 20.0


@dataclass
class Shop:
    """Billing on the sandbox provider, and what compares the two."""

    till: Till
    sandbox: Sandbox
    settings: Settings

    def reconciler(self, **changes: Any) -> Reconciler:
        """What the service compares with, with other settings where they are named."""
        settings = self.settings.model_copy(update=changes)
        return Reconciler(self.till.application.database, self.till.clock, settings)

    async def reconcile(self) -> ledger_pb2.ReconcileLedgerResponse:
        """Compare, a moment after everything that has happened."""
        self.till.clock.advance(timedelta(milliseconds=1))
        return await self.reconciler().reconcile()

    async def differences(self) -> list[tuple[str, str, str, str]]:
        """The kind of each difference without its prefix, and what it says."""
        found = (await self.reconcile()).differences
        kinds = [ledger_pb2.DifferenceKind.Name(each.kind).removeprefix("DIFFERENCE_KIND_") for each in found]
        return [(kind, each.resource_id, each.ours, each.theirs) for kind, each in zip(kinds, found, strict=True)]

    def order(self, method: str = "pm_ok", *, cancelled: bool = False) -> OrderAccount:
        """An order at rest."""
        order_id = new_order_id()
        self.till.settle(order_placed(order_id, method=method), inventory_reserved(order_id))
        if cancelled:
            self.till.settle(order_cancelled(order_id))
        return self.till.account(order_id)

    def change(self, column: sa.Column[Any], resource_id: str, value: Any) -> None:
        """Change one value of a row behind the service's back."""
        (key,) = column.table.primary_key
        with self.till.application.database.begin() as connection:
            statement = sa.update(column.table).where(key == resource_id).values({column: value})
            assert connection.execute(statement).rowcount == 1

    def scale(self, ref: str, factor: int) -> None:
        """Multiply the entries of a journal; the ledger's own guards are off for that."""
        journal = sa.select(tables.journal.c.journal_id).where(tables.journal.c.ref == ref).scalar_subquery()
        amount = tables.entry.c.amount * factor if factor > 1 else tables.entry.c.amount / 2
        with self.till.application.database.begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            statement = sa.update(tables.entry).where(tables.entry.c.journal_id == journal).values(amount=amount)
            assert connection.execute(statement).rowcount >= 2


@contextmanager
def a_shop(database: str, sandbox: Sandbox) -> Iterator[Shop]:
    """Open billing on a migrated database and this provider."""
    settings = Settings(
        profile="dev",
        database_url=SecretStr(database),
        psp_url=sandbox.url,
        psp_key=KEY,
        psp_timeout=PATIENCE_SECONDS,
        psp_connect_timeout=PATIENCE_SECONDS,
    )
    clock, broker, provider = ManualClock(NOW), MemoryBroker(), app.provider(settings)
    application = asked_in_turn(app.build(settings, clock, broker, IdSource(clock, random.Random(1)), provider))
    yield Shop(Till(application, broker, clock, cast(Any, provider)), sandbox, settings)
    application.close()
    cast(RestProvider, provider).close()


def payment_id(account: OrderAccount) -> str:
    """The first payment."""
    return account.attempts[0].payment_id


def refund_id(account: OrderAccount) -> str:
    """The first refund."""
    return account.refunds[0].refund_id


def invoice_id(account: OrderAccount) -> str:
    """The invoice."""
    assert account.invoice is not None
    return account.invoice.invoice_id
