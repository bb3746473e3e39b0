"""Finds who holds stock of a SKU in what a batch has looked up and decided, so that a refusal can name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.world import World
from inventory_svc.domain.errors import MAX_HOLDERS
from inventory_svc.domain.reservation import Reservation

EXTRA = "holders"

_FIRST = sa.text("""
SELECT wanted.sku, holder.order_id FROM unnest(:skus) AS wanted (sku) CROSS JOIN LATERAL (
    SELECT order_id FROM reservation_line WHERE reservation_line.sku = wanted.sku AND held > 0
    GROUP BY order_id ORDER BY order_id LIMIT :most) AS holder
""").bindparams(sa.bindparam("skus", type_=pg.ARRAY(sa.Text)), most=MAX_HOLDERS)


def look_up(connection: sa.Connection, skus: Iterable[str]) -> dict[str, set[str]]:
    """Return the first orders that hold stock of each SKU, whose rows are locked: nobody takes or gives any meanwhile."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(_FIRST, {"skus": sorted(skus)}):
        found.setdefault(row.sku, set()).add(str(row.order_id))
    return found


def first_holders(world: World, sku: str) -> tuple[str, ...]:
    """Return the first orders that hold stock of a SKU as they are now, by id."""
    found: Mapping[str, set[str]] = world.extra.get(EXTRA, {})
    changed = {order.order_id: _holds(order, sku) for order in world.all(Reservation)}
    stayed = {order_id for order_id in found.get(sku, ()) if changed.get(order_id, True)}
    return tuple(sorted(stayed | {order_id for order_id, holds in changed.items() if holds}))[:MAX_HOLDERS]


def _holds(order: Reservation, sku: str) -> bool:
    return any(line.sku == sku and line.held for line in order.lines)
