"""The typed FastAPI gateway: the body as models, the token as a dependency, one gRPC call, the answer as a model."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

import grpc
import grpc.aio
from fastapi import Depends, FastAPI, Header, HTTPException, Request

from atlas.common.v1.money_pb2 import Money as MoneyMessage
from atlas.orders.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc
from bench.textbook.schemas import Line, LineInput, Money, Order, OrderInput
from bench.textbook.tokens import Caller, InvalidToken, Verifier

AUDIENCE = "atlas-gateway"
TIMEOUT = 5.0
_STATUS = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.ABORTED: 409}
Stub = order_service_pb2_grpc.OrderServiceStub


async def _caller(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
    verifier: Verifier = request.app.state.verifier
    try:
        return verifier.verify(authorization)
    except InvalidToken as error:
        raise HTTPException(401, "the access token is missing or not valid") from error


def _stub(request: Request) -> Stub:
    stub: Stub = request.app.state.stub
    return stub


def build(verifier: Verifier, upstream: str) -> FastAPI:
    """Build the application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with grpc.aio.insecure_channel(upstream, options=[("grpc.enable_http_proxy", 0)]) as channel:
            app.state.verifier = verifier
            app.state.stub = Stub(channel)
            yield

    app = FastAPI(title="Textbook", lifespan=lifespan, telemetry={"operation_spans": False})
    app.post("/v1/orders", status_code=201)(place_order)
    return app


async def place_order(
    order: OrderInput,
    request: Request,
    caller: Annotated[Caller, Depends(_caller)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
    authorization: Annotated[str, Header()],
) -> Order:
    """Place an order."""
    metadata = (("authorization", authorization), ("idempotency-key", idempotency_key))
    try:
        response = await _stub(request).PlaceOrder(_request(order), metadata=metadata, timeout=TIMEOUT)
    except grpc.aio.AioRpcError as error:
        raise HTTPException(_STATUS.get(error.code(), 503), error.details()) from error
    return _order(response.order)


def _request(order: OrderInput) -> order_service_pb2.PlaceOrderRequest:
    return order_service_pb2.PlaceOrderRequest(
        customer_id=order.customer_id,
        currency_code=order.currency_code,
        payment_method=order.payment_method,
        client_reference=order.client_reference,
        lines=[_line_input(line) for line in order.lines],
    )


def _line_input(line: LineInput) -> order_pb2.OrderLineInput:
    price = MoneyMessage(currency_code=line.unit_price.currency_code, minor_units=line.unit_price.minor_units)
    return order_pb2.OrderLineInput(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=price,
        discount_basis_points=line.discount_basis_points,
        tax_rate_basis_points=line.tax_rate_basis_points,
    )


def _order(order: order_pb2.Order) -> Order:
    return Order(
        order_id=order.order_id,
        customer_id=order.customer_id,
        client_reference=order.client_reference or None,
        state=order_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_"),
        currency_code=order.currency_code,
        payment_method=order.payment_method,
        net=_money(order.net),
        tax=_money(order.tax),
        total=_money(order.total),
        placed_by=order.placed_by.subject,
        place_time=order.place_time.ToDatetime(),
        lines=[_line(line) for line in order.lines],
        version=order.version,
    )


def _line(line: order_pb2.OrderLine) -> Line:
    return Line(
        line_number=line.line_number,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=_money(line.unit_price),
        discount_basis_points=line.discount_basis_points,
        tax_rate_basis_points=line.tax_rate_basis_points,
        net=_money(line.net),
        tax=_money(line.tax),
        total=_money(line.total),
    )


def _money(money: MoneyMessage) -> Money:
    return Money(currency_code=money.currency_code, minor_units=money.minor_units)
