"""The processes P8 compares the gateway with: `python -m bench.peers upstream|route PORT` serves, `client PORT COUNT` calls.

`upstream` is a gRPC service that answers PlaceOrder with a fixed order; `route` is a no-op FastAPI route that echoes its body;
`client` makes the gateway's call without the gateway, COUNT times over 32 at once, and prints the CPU seconds it took.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from typing import Any

import grpc
import grpc.aio
import uvicorn
import uvloop
from fastapi import FastAPI

from atlas.common.v1.money_pb2 import Money
from atlas.orders.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc
from bench.load import SKU

NAME = "atlas.orders.v1.OrderService"
TOKEN_VARIABLE = "BENCH_TOKEN"  # noqa: S105 - the name of a variable
CONNECTIONS = 32
WARM_UP = 500
TIMEOUT = 5.0
_AWAITED = order_pb2.OrderFacts(
    reservation=order_pb2.RESERVATION_FACT_AWAITED,
    invoice=order_pb2.INVOICE_FACT_AWAITED,
    payment=order_pb2.PAYMENT_FACT_AWAITED,
    approval=order_pb2.APPROVAL_FACT_AWAITED,
)
Request = order_service_pb2.PlaceOrderRequest
Response = order_service_pb2.PlaceOrderResponse


def request() -> Request:
    """Return the order that the load places, as the gateway sends it on."""
    line = order_pb2.OrderLineInput(sku=SKU, quantity=3, unit_price=_euros(1999), tax_rate_basis_points=2000)
    return Request(customer_id="bench", currency_code="EUR", payment_method="pm_ok", lines=[line])


def answer() -> Response:
    """Return an order as order_svc answers it."""
    order = order_pb2.Order(
        order_id="019b76da-a800-7300-ae31-205d38122d90",
        customer_id="bench",
        state=order_pb2.ORDER_STATE_PLACED,
        currency_code="EUR",
        net=_euros(5997),
        tax=_euros(1199),
        total=_euros(7196),
        payment_method="pm_ok",
        facts=_AWAITED,
        terms_version=1,
        version=1,
    )
    order.placed_by.subject, order.placed_by.username = "a71a5000-0000-4000-8002-000000000002", "ops"
    for moment in (order.place_time, order.deadline_time, order.create_time, order.update_time):
        moment.FromMilliseconds(1_764_000_000_123)
    amounts = {"unit_price": _euros(1999), "net": _euros(5997), "tax": _euros(1199), "total": _euros(7196)}
    order.lines.add(line_number=1, sku=SKU, quantity=3, tax_rate_basis_points=2000, **amounts)
    return Response(order=order)


def _euros(amount: int) -> Money:
    return Money(currency_code="EUR", minor_units=amount)


async def upstream(port: int) -> None:
    """Serve the fixed answer until told to stop."""
    fixed = answer()

    async def place_order(_request: Request, _context: grpc.aio.ServicerContext[Request, Response]) -> Response:
        return fixed

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        place_order, request_deserializer=Request.FromString, response_serializer=Response.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, {"PlaceOrder": handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    await done.wait()
    await server.stop(1)


def route(port: int) -> None:
    """Serve a route that does nothing, by the same server with the same settings as the gateway."""
    app = FastAPI(openapi_url=None, telemetry={"operation_spans": False})

    @app.post("/v1/orders", status_code=201)
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


async def client(port: int, count: int) -> float:
    """Make the gateway's call `count` times; return the CPU seconds of this process."""
    order, token = request(), os.environ[TOKEN_VARIABLE]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = order_service_pb2_grpc.OrderServiceStub(channel)

        async def calls(left: Any) -> None:
            for _ in left:
                metadata = (
                    ("x-correlation-id", str(uuid.uuid4())),
                    ("authorization", f"Bearer {token}"),
                    ("idempotency-key", uuid.uuid4().hex),
                    ("traceparent", f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"),
                )
                await stub.PlaceOrder(order, metadata=metadata, timeout=TIMEOUT)

        for times in (WARM_UP, count):
            before, left = time.process_time(), iter(range(times))
            await asyncio.gather(*[calls(left) for _ in range(CONNECTIONS)])
        return time.process_time() - before


def main() -> None:
    """Be one of the peers."""
    role, port = sys.argv[1], int(sys.argv[2])
    if role == "upstream":
        uvloop.run(upstream(port))
    elif role == "route":
        route(port)
    else:
        print(uvloop.run(client(port, int(sys.argv[3]))))


if __name__ == "__main__":
    main()
