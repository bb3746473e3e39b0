"""What we have of payments and refunds, to be compared with what the provider has of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from billing_svc.domain.reconciliation import PAYMENTS, REFUNDS, Claim, Kinds
from billing_svc.tables import payment, refund

CHUNK: Final = 1_000
_UUID = pg.UUID(as_uuid=False)


@dataclass(frozen=True, slots=True)
class Ours:
    """One of the two tables: `rows` selects id, state, units and currency_code of the money that moved, of, update_time."""

    kinds: Kinds
    key: sa.Column[str]
    rows: sa.Select[Any]
    open_states: frozenset[str]

    def by_key(self, connection: sa.Connection, keys: Iterable[str], started: datetime) -> dict[str, Claim]:
        """Read the claims under these keys; a key that none of ours can be has none. What changed since is under way."""
        wanted = sa.bindparam("keys", [key for key in keys if _is_ours(key)], type_=pg.ARRAY(_UUID))
        found = connection.execute(self.rows.where(self.key == sa.any_(wanted)))
        return {row.id: self._claim(row, started) for row in found}

    def moved_after(self, connection: sa.Connection, after: str, started: datetime) -> dict[str, Claim]:
        """Read the next claims by key that moved money, of those that did not change since; nothing is the end."""
        moved = sa.and_(self.rows.selected_columns["units"].is_not(None), self.key.table.c.update_time < started)
        statement = self.rows.where(moved).order_by(self.key).limit(CHUNK)
        found = connection.execute(statement.where(self.key > after) if after else statement)
        return {row.id: self._claim(row, started) for row in found}

    def _claim(self, row: Any, started: datetime) -> Claim:
        money = None if row.units is None else (str(row.currency_code), int(row.units))
        is_open = row.state in self.open_states and money is None
        return Claim(row.state, money, row.of, is_under_way=is_open or row.update_time >= started)


def _is_ours(key: str) -> bool:
    """Whether a key is written as ours are; others would only be refused by the database."""
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False


OUR_PAYMENTS: Final = Ours(
    PAYMENTS,
    payment.c.payment_id,
    sa.select(
        payment.c.payment_id.label("id"),
        payment.c.state,
        payment.c.received.label("units"),
        payment.c.received_currency_code.label("currency_code"),
        sa.literal("").label("of"),
        payment.c.update_time,
    ),
    frozenset({"INITIATED", "PENDING", "UNKNOWN"}),
)
OUR_REFUNDS: Final = Ours(
    REFUNDS,
    refund.c.refund_id,
    sa.select(
        refund.c.refund_id.label("id"),
        refund.c.state,
        sa.case((refund.c.state == "SUCCEEDED", refund.c.amount)).label("units"),
        refund.c.currency_code,
        sa.cast(refund.c.payment_id, sa.Text).label("of"),
        refund.c.update_time,
    ),
    frozenset({"REQUESTED", "PENDING"}),
)
