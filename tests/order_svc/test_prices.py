"""The price list over real gRPC, and who is held to it; bad input is refused where it is wrong, and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from atlas.common.v1.money_pb2 import Money as MoneyMessage
from atlas.orders.v1 import order_pb2, order_service_pb2, price_pb2, quote_pb2
from chassis.application import Application
from chassis.clock import ManualClock
from chassis.values import time, time_message
from order_svc.store import orders, price
from tests.order_svc.builders import NOW, a_place_request
from tests.order_svc.client import BUYS, NOWHERE, STRANGER, Client

HOUR = timedelta(hours=1)


def eur(minor_units: int, currency: str = "EUR") -> MoneyMessage:
    """An amount."""
    return MoneyMessage(currency_code=currency, minor_units=minor_units)


def a_set_price(**changes: Any) -> price_pb2.SetPriceRequest:
    """A request to list a lamp of its own at 19.99."""
    fields: dict[str, Any] = {"sku": f"LAMP-{uuid4()}", "unit_price": eur(1_999), "tax_rate_basis_points": 2_000}
    return price_pb2.SetPriceRequest(**(fields | changes))


def an_order(sku: str, units: int = 1_999, *, tax: int = 2_000, discount: int = 0, currency: str = "EUR") -> Any:
    """A request for one of an item."""
    line = order_pb2.OrderLineInput(
        sku=sku, quantity=1, unit_price=eur(units, currency), discount_basis_points=discount, tax_rate_basis_points=tax
    )
    return a_place_request(currency_code=currency, customer_id=f"cust-{sku}"[:64], lines=[line])


async def _listed(client: Client, **changes: Any) -> price_pb2.Price:
    response: price_pb2.SetPriceResponse = await client("SetPrice", a_set_price(**changes))
    return response.price


def _count(service: Application, table: sa.Table) -> int:
    with service.database.begin() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _moment(service: Application) -> Timestamp:
    return time_message(service.service.clock.now())


async def test_a_price_is_listed_and_read(client: Client, order_service: Application) -> None:
    listed = await _listed(client)
    assert (listed.unit_price.minor_units, listed.tax_rate_basis_points, listed.version) == (1_999, 2_000, 1)
    assert listed.valid_from == listed.create_time == listed.update_time == _moment(order_service)
    request = price_pb2.GetPriceRequest(price_id=listed.price_id)
    assert (await client("GetPrice", request, scopes=BUYS, subject=STRANGER)).price == listed


async def test_a_time_is_kept_in_whole_milliseconds(client: Client) -> None:
    moment = time_message(NOW + HOUR)
    moment.nanos = 123_999_999
    assert time((await _listed(client, valid_from=moment)).valid_from).microsecond == 123_000


async def test_the_same_key_again_lists_no_second_price(client: Client) -> None:
    request = a_set_price()
    answers = [await client("SetPrice", request, key=f"key-{request.sku}") for _ in range(2)]
    assert answers[0] == answers[1]
    assert len((await client("ListPrices", price_pb2.ListPricesRequest(sku=request.sku))).prices) == 1


async def test_prices_of_an_item_are_listed_newest_first_page_by_page(client: Client) -> None:
    sku = f"LAMP-{uuid4()}"
    made = [(await _listed(client, sku=sku, unit_price=eur(units))).price_id for units in range(5)]
    found: list[str] = []
    request = price_pb2.ListPricesRequest(sku=sku, page_size=2)
    for size in (2, 2, 1):
        page = await client("ListPrices", request, scopes=BUYS)
        assert len(page.prices) == size
        found += [each.price_id for each in page.prices]
        request.page_token = page.next_page_token
    assert (request.page_token, found) == ("", made[::-1])


async def test_a_page_token_belongs_to_its_list_and_its_caller(client: Client) -> None:
    sku = f"LAMP-{uuid4()}"
    for _ in range(2):
        await _listed(client, sku=sku)
    token = (await client("ListPrices", price_pb2.ListPricesRequest(sku=sku, page_size=1))).next_page_token
    own = price_pb2.ListPricesRequest(sku=sku, page_token=token)
    assert len((await client("ListPrices", own)).prices) == 1
    assert await client.refusal("ListPrices", own, subject=STRANGER) == "INVALID_PAGE_TOKEN"
    for request in (price_pb2.ListPricesRequest(page_token=token), price_pb2.ListPricesRequest(sku=sku, page_token="garbage")):
        assert await client.refusal("ListPrices", request) == "INVALID_PAGE_TOKEN"
    orders_of = order_service_pb2.ListOrdersRequest(page_token=token)
    assert await client.refusal("ListOrders", orders_of) == "INVALID_PAGE_TOKEN"


async def test_a_price_that_is_not_there_is_not_found(client: Client) -> None:
    assert await client.refusal("GetPrice", price_pb2.GetPriceRequest(price_id=NOWHERE)) == "NOT_FOUND"
    assert await client.refusal("GetPrice", price_pb2.GetPriceRequest(price_id="lamp")) == "VALIDATION_FAILED"


async def test_only_who_may_set_prices_lists_them(client: Client) -> None:
    assert await client.refusal("SetPrice", a_set_price(), scopes=BUYS) == "INSUFFICIENT_SCOPE"
    assert await client.refusal("ListPrices", price_pb2.ListPricesRequest(), scopes=("orders:price",)) == "INSUFFICIENT_SCOPE"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"unit_price": eur(-1)}, "unit_price"),
        ({"unit_price": eur(10**9 + 1)}, "unit_price"),
        ({"unit_price": None}, "unit_price"),
        ({"unit_price": eur(1, "XXY")}, "unit_price.currency_code"),
        ({"unit_price": eur(1, "euro")}, "unit_price.currency_code"),
        ({"sku": "a lamp"}, "sku"),
        ({"sku": ""}, "sku"),
        ({"sku": "S" * 65}, "sku"),
        ({"tax_rate_basis_points": -1}, "tax_rate_basis_points"),
        ({"tax_rate_basis_points": 10_001}, "tax_rate_basis_points"),
        ({"valid_from": Timestamp(seconds=0)}, "valid_from"),
        ({"valid_from": Timestamp(seconds=253_402_300_799)}, "valid_from"),
        ({"valid_from": Timestamp(seconds=10**15)}, "valid_from"),
    ],
    ids=lambda value: str(value).replace("\n", " ") if isinstance(value, dict) else None,
)
async def test_a_bad_price_is_refused_where_it_is_wrong_and_not_listed(
    client: Client, order_service: Application, changes: dict[str, Any], field: str
) -> None:
    before = _count(order_service, price)
    refused = await client.refused("SetPrice", a_set_price(**changes))
    assert (refused.reason, [place for place, _ in refused.places]) == ("VALIDATION_FAILED", [field])
    assert _count(order_service, price) == before


async def test_a_list_of_a_sku_that_cannot_be_is_refused(client: Client) -> None:
    refused = await client.refused("ListPrices", price_pb2.ListPricesRequest(sku="a lamp"))
    assert (refused.reason, refused.places[0][0]) == ("VALIDATION_FAILED", "sku")


async def test_a_buyer_orders_at_list_price_as_he_was_quoted(client: Client) -> None:
    sku = (await _listed(client)).sku
    request = an_order(sku)
    quote = await client("QuoteOrder", _as_quote(request), scopes=BUYS)
    placed = (await client("PlaceOrder", request, scopes=BUYS)).order
    assert (quote.total.minor_units, placed.total) == (2_399, quote.total)


def _as_quote(request: Any) -> quote_pb2.QuoteOrderRequest:
    """The same fields under the same numbers."""
    return quote_pb2.QuoteOrderRequest.FromString(request.SerializeToString())


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"units": 1_998}, "unit_price", "unit_price is 1998, listed 1999"),
        ({"tax": 1_900}, "tax_rate_basis_points", "tax_rate_basis_points is 1900, listed 2000"),
        ({"discount": 10}, "discount_basis_points", "discount_basis_points is 10, listed 0"),
        ({"currency": "USD"}, "unit_price", "there is no list price"),
    ],
    ids=["price", "tax", "discount", "currency"],
)
async def test_off_the_list_a_buyer_is_refused_and_nothing_is_placed(
    client: Client, order_service: Application, changes: dict[str, Any], field: str, text: str
) -> None:
    request = an_order((await _listed(client)).sku, **changes)
    before = _count(order_service, orders)
    for name, asked in (("QuoteOrder", _as_quote(request)), ("PlaceOrder", request)):
        refused = await client.refused(name, asked, scopes=BUYS)
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PRICE_MISMATCH")
        ((place, said),) = refused.places
        assert place == f"lines[0].{field}"
        assert text in said
        assert "/v1/prices" in refused.hint
    assert _count(order_service, orders) == before
    assert (await client("PlaceOrder", request)).order.state == order_pb2.ORDER_STATE_PLACED


async def test_of_many_wrong_lines_the_first_are_named(client: Client) -> None:
    request = an_order("S" * 64)
    request.lines.extend(list(request.lines) * 499)
    refused = await client.refused("PlaceOrder", request, scopes=BUYS)
    assert refused.detail.startswith("500 line(s)")
    assert [place for place, _ in refused.places] == [f"lines[{number}].unit_price" for number in range(25)]


async def test_a_price_of_the_future_counts_from_its_time_on(client: Client, order_service: Application) -> None:
    sku, clock = (await _listed(client)).sku, order_service.service.clock
    assert isinstance(clock, ManualClock)
    await _listed(client, sku=sku, unit_price=eur(2_499), valid_from=time_message(clock.now() + HOUR))
    assert await client.refusal("PlaceOrder", an_order(sku, 2_499), scopes=BUYS) == "PRICE_MISMATCH"
    clock.advance(HOUR - timedelta(milliseconds=1))
    assert (await client("PlaceOrder", an_order(sku), scopes=BUYS)).order.total.minor_units == 2_399
    clock.advance(timedelta(milliseconds=1))
    assert await client.refusal("QuoteOrder", _as_quote(an_order(sku)), scopes=BUYS) == "PRICE_MISMATCH"
    assert (await client("PlaceOrder", an_order(sku, 2_499), scopes=BUYS)).order.total.minor_units == 2_999


async def test_a_second_use_of_a_reference_names_the_first_order(client: Client, order_service: Application) -> None:
    reference = f"web-{uuid4()}"
    first = (await client("PlaceOrder", a_place_request(client_reference=reference))).order
    before = _count(order_service, orders)
    again = a_place_request(client_reference=reference, customer_id="cust-2")
    refused = await client.refused("PlaceOrder", again)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "DUPLICATE_REFERENCE")
    assert first.order_id in refused.detail
    assert _count(order_service, orders) == before
    assert (await client("PlaceOrder", again, subject=STRANGER)).order.client_reference == reference
