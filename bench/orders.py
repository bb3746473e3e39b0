"""Commands straight to the services' handling, as their servicers would submit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import stock_pb2
from atlas.orders.v1 import order_pb2, order_service_pb2
from bench.load import SKU
from chassis.command_handling import CommandCall, run_commands
from chassis.envelope import Cause
from chassis.handling import Command, Service
from chassis.idempotency import KeyedRequest, hash_request
from chassis.telemetry import new_traceparent
from chassis.world import Actor
from inventory_svc.commands import RECEIVE_STOCK, create_item_command
from order_svc.commands import place_order_command
from order_svc.domain.order import Deadlines

BATCH = 64
ISSUER = "http://127.0.0.1:8143/realms/atlas-erp"
ACTOR = Actor(
    issuer=ISSUER,
    subject="a71a5000-0000-4000-8002-000000000002",
    username="ops",
    client="atlas-cli",
    scopes=frozenset({"orders:price"}),
)
PRICE = Money(currency_code="EUR", minor_units=1999)
PLACE_ORDER = place_order_command(Deadlines())


def stock(inventory: Service) -> None:
    """Make the item with more than enough stock."""
    item = stock_pb2.CreateItemRequest(sku=SKU, name="Lamp", standard_cost=Money(currency_code="EUR", minor_units=1200))
    receipt = stock_pb2.ReceiveStockRequest(reference="bench")
    receipt.lines.add(sku=SKU, quantity=1_000_000)
    run(inventory, [call(create_item_command("EUR"), item, "item")])
    run(inventory, [call(RECEIVE_STOCK, receipt, "receipt")])


def place(orders: Service, count: int, name: str) -> None:
    """Place orders in batches, as the coalescer makes them under load; `name` keeps the keys of runs apart."""
    line = order_pb2.OrderLineInput(sku=SKU, quantity=3, unit_price=PRICE, tax_rate_basis_points=2000)
    request = order_service_pb2.PlaceOrderRequest(
        customer_id="bench", currency_code="EUR", payment_method="pm_ok", lines=[line]
    )
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        run(orders, [call(PLACE_ORDER, request, f"{name}-{number}") for number in numbers])


def call(command: Command[Any], request: Message, key: str) -> CommandCall:
    """Return a call by the bench's own caller."""
    keyed = KeyedRequest(ACTOR.key, command.name, key, hash_request(request))
    return CommandCall(command, command.parse(request), keyed, Cause(key, key, new_traceparent(), ACTOR))


def run(service: Service, calls: Sequence[CommandCall]) -> list[Any]:
    """Run calls in one batch; their responses. A refusal is an error."""
    answers = run_commands(service, calls)
    for answer in answers:
        if answer.error is not None:
            raise answer.error
    return [answer.response for answer in answers]
