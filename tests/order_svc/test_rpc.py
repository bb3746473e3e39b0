"""OrderService over real gRPC: the server, its interceptors and the token verifier, on a real database."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from atlas.common.v1.money_pb2 import Money as MoneyMessage
from atlas.orders.v1 import fulfillment_pb2, order_pb2, order_service_pb2, quote_pb2
from chassis.application import Application
from chassis.memory_broker import MemoryBroker
from chassis.tables import audit_log
from tests.order_svc.builders import a_place_request
from tests.order_svc.client import NOWHERE, SCOPES, STRANGER, Client


def _priced(quantity: int, minor_units: int) -> order_pb2.OrderLineInput:
    price = MoneyMessage(currency_code="EUR", minor_units=minor_units)
    return order_pb2.OrderLineInput(sku="LAMP-01", quantity=quantity, unit_price=price)


async def _placed(client: Client, **changes: Any) -> order_pb2.Order:
    response: order_service_pb2.PlaceOrderResponse = await client("PlaceOrder", a_place_request(**changes))
    return response.order


async def test_a_placed_order_is_answered_read_and_told(client: Client, order_service: Application) -> None:
    order = await _placed(client, client_reference="web-1")
    read = (await client("GetOrder", order_service_pb2.GetOrderRequest(order_id=order.order_id))).order
    assert read == order
    assert (order.state, order.version, order.total.minor_units) == (order_pb2.ORDER_STATE_PLACED, 1, 3_600)
    assert order.placed_by.username == "ops"
    order_service.relay.step()
    broker = order_service.broker
    assert isinstance(broker, MemoryBroker)
    told = [record.headers["ce_type"] for record in broker.topic("atlas.orders.v1") if record.key == order.order_id]
    assert told == ["OrderPlaced", "OrderStateChanged"]


async def test_the_same_key_again_answers_the_same_order(client: Client) -> None:
    first = await client("PlaceOrder", a_place_request(), key="twice")
    again = await client("PlaceOrder", a_place_request(), key="twice")
    assert first == again
    assert await client.refusal("PlaceOrder", a_place_request(customer_id="cust-2"), key="twice") == "IDEMPOTENCY_KEY_REUSED"


async def test_an_order_is_cancelled_once(client: Client, order_service: Application) -> None:
    order = await _placed(client)
    cancel = order_service_pb2.CancelOrderRequest(
        order_id=order.order_id, reason=order_pb2.CANCEL_REASON_CUSTOMER_REQUEST, comment="found it cheaper", expected_version=1
    )
    cancelled = (await client("CancelOrder", cancel)).order
    assert (cancelled.state, cancelled.settlement) == (order_pb2.ORDER_STATE_CANCELLED, order_pb2.SETTLEMENT_PENDING)
    assert cancelled.version == 2
    assert await client.refusal("CancelOrder", cancel) == "VERSION_MISMATCH"
    cancel.ClearField("expected_version")
    assert await client.refusal("CancelOrder", cancel) == "ILLEGAL_STATE"
    with order_service.database.connect() as connection:
        audited = connection.execute(sa.select(audit_log).where(audit_log.c.resource == order.order_id)).all()
    assert [(row.method, row.comment) for row in audited] == [("PlaceOrder", ""), ("CancelOrder", "found it cheaper")]


async def test_a_shipment_is_refused_before_its_time(client: Client) -> None:
    order = await _placed(client)
    ship = fulfillment_pb2.FulfillOrderRequest(order_id=order.order_id)
    assert await client.refusal("FulfillOrder", ship) == "ILLEGAL_STATE"


async def test_an_order_of_another_is_not_found(client: Client) -> None:
    order = await _placed(client)
    get = order_service_pb2.GetOrderRequest(order_id=order.order_id)
    cancel = order_service_pb2.CancelOrderRequest(order_id=order.order_id, reason=order_pb2.CANCEL_REASON_OTHER)
    ships = fulfillment_pb2.ListFulfillmentsRequest(order_id=order.order_id)
    for name, request in (("GetOrder", get), ("CancelOrder", cancel), ("ListFulfillments", ships)):
        assert await client.refusal(name, request, subject=STRANGER) == "NOT_FOUND"
    seen = await client("GetOrder", get, subject=STRANGER, scopes=(*SCOPES, "orders:read_all"))
    assert seen.order.order_id == order.order_id


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    assert await client.refusal("GetOrder", order_service_pb2.GetOrderRequest(order_id=NOWHERE)) == "NOT_FOUND"
    order = await _placed(client)
    get = fulfillment_pb2.GetFulfillmentRequest(order_id=order.order_id, fulfillment_id=NOWHERE)
    assert await client.refusal("GetFulfillment", get) == "NOT_FOUND"


async def test_a_call_needs_its_scope(client: Client) -> None:
    assert await client.refusal("PlaceOrder", a_place_request(), scopes=("orders:read",)) == "INSUFFICIENT_SCOPE"


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": []},
        {"currency_code": "XXY"},
        {"currency_code": "USD"},
        {"customer_id": "x" * 65},
        {"lines": [order_pb2.OrderLineInput(sku="A", quantity=0, unit_price=MoneyMessage(currency_code="EUR", minor_units=1))]},
        {
            "lines": [
                order_pb2.OrderLineInput(sku="A", quantity=1, unit_price=MoneyMessage(currency_code="EUR", minor_units=-1))
            ]
        },
    ],
    ids=["no lines", "no such currency", "two currencies", "long customer", "no units", "negative price"],
)
async def test_a_request_that_breaks_a_rule_is_refused(client: Client, changes: dict[str, Any]) -> None:
    assert await client.refusal("PlaceOrder", a_place_request(**changes)) == "VALIDATION_FAILED"


async def test_orders_are_listed_newest_first_page_by_page(client: Client) -> None:
    placed = [(await _placed(client, customer_id="cust-pages")).order_id for _ in range(5)]
    found: list[str] = []
    request = order_service_pb2.ListOrdersRequest(customer_id="cust-pages", page_size=2)
    for size in (2, 2, 1):
        page = await client("ListOrders", request)
        assert len(page.orders) == size
        found += [order.order_id for order in page.orders]
        request.page_token = page.next_page_token
    assert request.page_token == ""
    assert found == placed[::-1]


async def test_a_quote_prices_without_placing(client: Client) -> None:
    asked = a_place_request(customer_id="cust-quote")
    request = quote_pb2.QuoteOrderRequest.FromString(asked.SerializeToString())  # the same fields under the same numbers
    quote = await client("QuoteOrder", request)
    assert (quote.net.minor_units, quote.tax.minor_units, quote.total.minor_units) == (3_000, 600, 3_600)
    listed = await client("ListOrders", order_service_pb2.ListOrdersRequest(customer_id="cust-quote"))
    assert len(listed.orders) == 0
