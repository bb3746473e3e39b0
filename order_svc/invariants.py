"""What must hold in order_svc's own database at any time (reliability.md, I9 and I10)."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.application import Finding
from order_svc.domain.facts import Approval, Stock
from order_svc.domain.order import Order, State
from order_svc.store import order_from, orders

MAX_WRONG = 10


def check(connection: sa.Connection) -> list[Finding]:
    """Check every order."""
    rows = connection.execute(sa.select(orders)).all()
    loaded = [(row, order_from(row)) for row in rows]
    stale = [order.order_id for row, order in loaded if row.state != order.state]
    unready = [order.order_id for _, order in loaded if order.confirmed and not _is_ready(order)]
    closed = [order for _, order in loaded if order.cancel_reason]
    half = [order.order_id for order in closed if order.state not in (State.CANCELLED, State.FULFILLED)]
    return [
        Finding("I9.state", "the stored state equals what the facts derive", len(loaded), tuple(stale[:MAX_WRONG])),
        Finding("I10.confirmed", "confirmed: reserved, paid, approved if required", len(loaded), tuple(unready[:MAX_WRONG])),
        Finding("I10.closed", "cancelled: nothing shipped; closed short: nothing left", len(closed), tuple(half[:MAX_WRONG])),
    ]


def _is_ready(order: Order) -> bool:
    approved = order.known.approval in (Approval.GRANTED, Approval.NOT_REQUIRED)
    return order.known.stock is Stock.RESERVED and order.known.paid and approved
