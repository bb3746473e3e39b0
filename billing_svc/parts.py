"""An invoice, a payment, a refund or a credit note of an account in a batch, as the row that it will be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from billing_svc import rows
from billing_svc.domain.order_account import OrderAccount
from chassis.store import Columns
from chassis.world import World


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of part: its place among the children of an account, its key, and how it is written."""

    place: int
    key: str
    to_columns: Callable[[OrderAccount], list[Columns]]


INVOICE: Final = Kind(0, "invoice_id", rows.invoice_rows)
PAYMENT: Final = Kind(1, "payment_id", rows.payment_rows)
REFUND: Final = Kind(2, "refund_id", rows.refund_rows)
CREDIT_NOTE: Final = Kind(3, "credit_note_id", rows.credit_note_rows)


def part(world: World, account: OrderAccount, kind: Kind, key: str) -> SimpleNamespace:
    """Return a part as its row will be once the batch is written: its version moves by one if it differs from what was read."""
    columns = next(columns for columns in kind.to_columns(account) if columns[kind.key] == key)
    return SimpleNamespace(**columns, **_stamps(world, account, kind, columns), terms=rows.terms_columns(account.terms))


def version(world: World, account: OrderAccount, kind: Kind, key: str) -> int:
    """Return the version of a part as a client would see it now."""
    return int(part(world, account, kind, key).version)


def _stamps(world: World, account: OrderAccount, kind: Kind, columns: Columns) -> dict[str, Any]:
    row = world.row(account)
    family = row.origin.families[kind.place] if row.origin else []
    read = next((one for one in family if getattr(one, kind.key) == columns[kind.key]), None)
    if read is None:
        return {"version": 1, "create_time": row.update_time, "update_time": row.update_time}
    if all(getattr(read, name) == value for name, value in columns.items()):
        return {"version": read.version, "create_time": read.create_time, "update_time": read.update_time}
    return {"version": read.version + 1, "create_time": read.create_time, "update_time": row.update_time}
