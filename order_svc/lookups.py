"""What a new order is held against: the list prices of its items, and whether its reference was used before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from chassis.database import one_of, unnest
from chassis.world import Actor, Context, Row, World
from order_svc.domain.commands import PlaceOrder
from order_svc.domain.price_list import Listed, Price
from order_svc.domain.pricing import Line
from order_svc.domain.reference import Reference
from order_svc.store import client_reference, price, price_from, reference_from

SETS_PRICES = "orders:price"
_LISTED = "listed"
Wanted = tuple[str, str, datetime]
"""SKU, currency and time."""

_WANTED = unnest(price, ("sku", "currency_code", "valid_from"))
_VALID = (
    sa.select(price)
    .where(
        price.c.sku == _WANTED.c.sku,
        price.c.currency_code == _WANTED.c.currency_code,
        price.c.valid_from <= _WANTED.c.valid_from,
    )
    .order_by(price.c.valid_from.desc(), price.c.price_id.desc())
    .limit(1)
    .lateral("valid")
)
_LIST_PRICES = sa.select(_WANTED.c.valid_from.label("at"), _VALID).join(_VALID, sa.true())
_USED = sa.select(client_reference).where(one_of(client_reference.c.reference_key, "wanted"))


def may_set_prices(actor: Actor) -> bool:
    """Whether the actor sets prices and discounts; everybody else orders at list price."""
    return actor.may(SETS_PRICES)


def consult(connection: sa.Connection, world: World, asked: Sequence[tuple[PlaceOrder, Context]]) -> None:
    """Load what the orders of a batch are held against, each with one statement, and with none where nobody needs it."""
    held = [(command.terms.lines, context.now) for command, context in asked if not may_set_prices(context.actor)]
    world.extra[_LISTED] = _list_prices(connection, {wanted for lines, now in held for wanted in _wanted(lines, now)})
    _load_references(connection, world, asked)


def listed(world: World, now: datetime) -> Listed:
    """Return the list prices that were loaded for orders placed at this time."""
    found: Listed = world.extra.get(_LISTED, {}).get(now, {})
    return found


def listed_at(connection: sa.Connection, lines: Sequence[Line], now: datetime) -> Listed:
    """Read the list prices of the items of an order at this time."""
    return _list_prices(connection, _wanted(lines, now)).get(now, {})


def own_reference(command: PlaceOrder, context: Context) -> Reference | None:
    """Return the reference of an order that is to be placed, as if nobody had used it; None where it has none."""
    text = command.terms.client_reference
    return None if text is None else Reference(context.actor.key, text)


def _wanted(lines: Sequence[Line], now: datetime) -> set[Wanted]:
    return {(line.sku, line.unit_price.currency_code, now) for line in lines}


def _list_prices(connection: sa.Connection, wanted: Iterable[Wanted]) -> dict[datetime, dict[tuple[str, str], Price]]:
    result: dict[datetime, dict[tuple[str, str], Price]] = defaultdict(dict)
    if columns := [list(column) for column in zip(*wanted, strict=True)]:
        skus, currencies, times = columns
        parameters = {"p_sku": skus, "p_currency_code": currencies, "p_valid_from": times}
        for row in connection.execute(_LIST_PRICES, parameters):
            result[row.at][row.sku, row.currency_code] = price_from(row)
    return result


def _load_references(connection: sa.Connection, world: World, asked: Sequence[tuple[PlaceOrder, Context]]) -> None:
    """Put every reference into the world, used or free, by ascending key: in that order the new ones are written.

    So two batches that take the same references never wait for each other crosswise.
    """
    free = {
        reference.key: Row(reference, create_time=context.now)
        for command, context in asked
        if (reference := own_reference(command, context))
    }
    if not free:
        return
    used = {row.reference_key: row for row in connection.execute(_USED, {"wanted": list(free)})}
    for key in sorted(free):
        row = used.get(key)
        world.add(free[key] if row is None else Row(reference_from(row), row.version, stored=True))
