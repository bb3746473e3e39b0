"""Where protobuf and the price list meet: the second file of wire.py."""

from __future__ import annotations

from atlas.orders.v1 import price_pb2
from chassis.clock import to_milliseconds
from chassis.values import known_currency, money, money_message, time, time_message
from chassis.world import Row, World
from order_svc.domain.commands import SetPrice
from order_svc.domain.price_list import Price


def set_price(request: price_pb2.SetPriceRequest) -> SetPrice:
    """Read a price that is to be listed."""
    known_currency(request.unit_price.currency_code, "unit_price.currency_code")
    valid_from = to_milliseconds(time(request.valid_from)) if request.HasField("valid_from") else None
    return SetPrice(request.sku, money(request.unit_price), request.tax_rate_basis_points, valid_from)


def price_set(world: World, price: Price) -> price_pb2.SetPriceResponse:
    """Answer SetPrice."""
    return price_pb2.SetPriceResponse(price=price_message(world.row(price)))


def price_message(row: Row[Price]) -> price_pb2.Price:
    """Write a price as a client sees it."""
    price = row.aggregate
    message = price_pb2.Price(
        price_id=price.price_id,
        sku=price.sku,
        unit_price=money_message(price.unit_price),
        tax_rate_basis_points=price.tax_rate_basis_points,
        valid_from=time_message(price.valid_from),
        version=row.version,
    )
    if row.create_time and row.update_time:
        message.create_time.CopyFrom(time_message(row.create_time))
        message.update_time.CopyFrom(time_message(row.update_time))
    return message
