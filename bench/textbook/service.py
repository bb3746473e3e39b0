"""The synchronous gRPC service: a thread pool, an ORM session for each request, the outbox row in the same transaction."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import grpc
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from atlas.common.v1.money_pb2 import Money
from atlas.orders.v1 import order_pb2, order_service_pb2
from bench.textbook.tables import POOL_SIZE, IdempotencyKey, Line, Order, OutboxEvent
from bench.textbook.tokens import Caller, InvalidToken, Verifier

NAME = "atlas.orders.v1.OrderService"
AUDIENCE = "order-svc"
TOPIC = "textbook.orders.v1"
WHOLE = 10_000  # basis points
Request = order_service_pb2.PlaceOrderRequest
Response = order_service_pb2.PlaceOrderResponse


class OrderService:
    """Places orders."""

    def __init__(self, sessions: sessionmaker[Session], verifier: Verifier) -> None:
        self._sessions = sessions
        self._verifier = verifier

    def place_order(self, request: Request, context: grpc.ServicerContext) -> Response:
        """Place an order once for each idempotency key of a caller."""
        metadata = {str(name): str(value) for name, value in context.invocation_metadata()}
        try:
            caller = self._verifier.verify(metadata.get("authorization", ""))
        except InvalidToken as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
            raise AssertionError("unreachable") from error
        key = metadata.get("idempotency-key", "")
        if not key:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "send idempotency-key")
        try:
            return self._place(request, caller, key, context)
        except IntegrityError:  # the same key, a moment earlier
            return self._place(request, caller, key, context)

    def _place(self, request: Request, caller: Caller, key: str, context: grpc.ServicerContext) -> Response:
        request_hash = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        with self._sessions.begin() as session:
            known = session.get(IdempotencyKey, (caller.subject, key))
            if known is not None:
                if known.request_hash != request_hash:
                    context.abort(grpc.StatusCode.ABORTED, "this key was used with another request")
                return Response.FromString(known.response)
            order = _order(request, caller)
            session.add(order)
            session.flush()
            response = Response(order=_message(order))
            value = response.order.SerializeToString()
            headers = {"type": "OrderPlaced", "content-type": "application/protobuf"}
            session.add(OutboxEvent(topic=TOPIC, key=str(order.order_id), headers=headers, value=value))
            stored = response.SerializeToString()
            session.add(
                IdempotencyKey(principal=caller.subject, key=key, request_hash=request_hash, response=stored),
            )
        return response


def _order(request: Request, caller: Caller) -> Order:
    return Order(
        customer_id=request.customer_id,
        client_reference=request.client_reference or None,
        state="PLACED",
        currency_code=request.currency_code,
        payment_method=request.payment_method,
        placed_by=caller.username,
        lines=[_line(number, line) for number, line in enumerate(request.lines, 1)],
    )


def _line(number: int, line: order_pb2.OrderLineInput) -> Line:
    net = _share(line.quantity * line.unit_price.minor_units, WHOLE - line.discount_basis_points)
    return Line(
        line_number=number,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price.minor_units,
        discount_basis_points=line.discount_basis_points,
        tax_rate_basis_points=line.tax_rate_basis_points,
        net=net,
        tax=_share(net, line.tax_rate_basis_points),
    )


def _share(amount: int, basis_points: int) -> int:
    """Return a share of an amount, half up."""
    return (amount * basis_points * 2 + WHOLE) // (2 * WHOLE)


def _message(order: Order) -> order_pb2.Order:
    def money(amount: int) -> Money:
        return Money(currency_code=order.currency_code, minor_units=amount)

    net, tax = sum(line.net for line in order.lines), sum(line.tax for line in order.lines)
    message = order_pb2.Order(
        order_id=str(order.order_id),
        customer_id=order.customer_id,
        client_reference=order.client_reference,
        state=order_pb2.ORDER_STATE_PLACED,
        currency_code=order.currency_code,
        payment_method=order.payment_method,
        net=money(net),
        tax=money(tax),
        total=money(net + tax),
        version=order.version,
    )
    message.placed_by.subject = order.placed_by
    message.place_time.FromDatetime(order.place_time)
    for line in order.lines:
        message.lines.add(
            line_number=line.line_number,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=money(line.unit_price),
            discount_basis_points=line.discount_basis_points,
            tax_rate_basis_points=line.tax_rate_basis_points,
            net=money(line.net),
            tax=money(line.tax),
            total=money(line.net + line.tax),
        )
    return message


def serve(service: OrderService, port: int) -> grpc.Server:
    """Serve on 127.0.0.1 with as many threads as there are connections."""
    server = grpc.server(ThreadPoolExecutor(POOL_SIZE), options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        service.place_order, request_deserializer=Request.FromString, response_serializer=Response.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, {"PlaceOrder": handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server
