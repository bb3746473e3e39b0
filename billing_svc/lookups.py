"""Finds the order that an invoice, a payment or a refund belongs to: everything of an order is locked by its one row."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from billing_svc import tables
from billing_svc.domain.order_account import OrderAccount
from chassis.database import one_of
from chassis.world import Key, Keys, World

EXTRA = "owners"


class OfInvoice:
    """Names an invoice among the keys of a message: its order's account is loaded and locked."""


class OfPayment:
    """Names a payment among the keys of a message: its order's account is loaded and locked."""


class OfRefund:
    """Names a refund among the keys of a message: its order's account is loaded and locked."""


_COLUMNS: Final[dict[type, sa.Column[Any]]] = {
    OfInvoice: tables.invoice.c.invoice_id,
    OfPayment: tables.payment.c.payment_id,
    OfRefund: tables.refund.c.refund_id,
}


def owners(connection: sa.Connection, keys: Keys) -> dict[Key, str]:
    """Return the orders of what the keys name and is there; an id belongs to the same order for ever."""
    found: dict[Key, str] = {}
    for kind, column in _COLUMNS.items():
        wanted = sorted(key for named, key in keys if named is kind)
        if wanted:
            statement = sa.select(column.label("key"), column.table.c.order_id).where(one_of(column, "wanted"))
            found |= {(kind, row.key): row.order_id for row in connection.execute(statement, {"wanted": wanted})}
    return found


def account_with(world: World, kind: type, key: str) -> OrderAccount | None:
    """Return the account that something belongs to whose key was named to load; None where it is not there."""
    order_id = world.extra.get(EXTRA, {}).get((kind, key))
    return world.find(OrderAccount, order_id) if order_id else None
