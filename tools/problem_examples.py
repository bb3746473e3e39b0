"""One refused request for each error reason, made by the code that refuses it in a running system."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

import grpc
import sqlalchemy as sa
from google.protobuf.message import Message
from grpc_status import rpc_status

from atlas.orders.v1 import order_service_pb2
from chassis import database, idempotency, interceptors
from chassis.errors import IdempotencyKeyInProgress, Refusal, Violation
from chassis.paging import Pager
from chassis.rest.problem import Problem, Refused, from_rpc_error
from chassis.rest.request_reader import RequestReader
from chassis.world import Actor
from gateway.services import all_routes

CORRELATION_ID: Final = "01980000-0000-7000-8000-0000000000c0"
TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_ID: Final = "01980000-0000-7000-8000-000000000001"
_ORDERS, _CANCEL, _APPROVE = "POST /v1/orders", f"POST /v1/orders/{_ID}/cancel", f"POST /v1/approvals/{_ID}/approve"

_HEAD: Final[dict[str, Any]] = {"customer_id": "cust-1001", "currency_code": "EUR", "payment_method": "pm_ok"}
DOMAIN: Final = {
    "INSUFFICIENT_SCOPE": (_APPROVE, "step 1 is open and needs the role Approver"),
    "NOT_FOUND": (f"GET /v1/orders/{_ID}", f"there is no order {_ID}"),
    "VERSION_MISMATCH": (_CANCEL, "the order is at version 6, not 4"),
    "ILLEGAL_STATE": (
        _CANCEL,
        "the order is FULFILLED; it can be cancelled before its first shipment only, later what remains of it",
    ),
    "ALREADY_EXISTS": ("POST /v1/inventory/items", "there is an item LAMP-01 already"),
    "NOT_REFUNDABLE": (
        f"POST /v1/payments/{_ID}/refunds",
        "6000 minor units of EUR cannot be given back; 4180 minor units of EUR of this payment can",
    ),
    "NOT_CREDITABLE": (
        f"POST /v1/invoices/{_ID}/credit-notes",
        "1 line(s) have less that was shipped and is not yet credited",
    ),
    "STOCK_IN_USE": ("POST /v1/inventory/adjustments", "1 line(s) take more than what is free"),
    "SELF_APPROVAL": (_APPROVE, "you asked for this yourself, so another person has to decide"),
    "HUMAN_ONLY": (_APPROVE, "a service account never decides; sign in as a person"),
    "ALREADY_DECIDED": (_APPROVE, "the approval is GRANTED"),
    "STALE_DECISION": (_APPROVE, "the approval is about terms_version 2, total 119940 minor units of EUR; decide on these"),
    "PRICE_MISMATCH": (_ORDERS, "1 line(s) are not at list price"),
    "DUPLICATE_REFERENCE": (_ORDERS, f"you used the client_reference web-4711 before, for order {_ID}"),
}
"""What the domains of services say, with the request they refuse; tests/tools/test_problem_pages.py compares it with them."""

MORE: Final[dict[str, dict[str, Any]]] = {
    "NOT_CREDITABLE": {
        "violations": (
            Violation("lines[0].quantity", "quantity.creditable", "must be at most 2, which are shipped and not yet credited"),
        ),
    },
    "STOCK_IN_USE": {
        "hint": "Take no more than what is free, or ship or cancel the orders that are named.",
        "violations": (
            Violation(
                "lines[0].quantity",
                "stock.in_use",
                f"takes 2 of LAMP-01, of which 0 are free: 10 on hand, 10 held for orders such as {_ID}",
            ),
        ),
    },
    "PRICE_MISMATCH": {
        "hint": "GET /v1/prices?sku= has the list; order at unit_price and tax_rate_basis_points as listed, without discount.",
        "violations": (Violation("lines[0].unit_price", "price.listed", "LAMP-01 in EUR: unit_price is 1499, listed 1999"),),
    },
}
"""What a refusal of a domain says beside its detail."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request, its method and path, and the problem it is answered with."""

    request: str
    problem: Problem

    @property
    def document(self) -> str:
        """The problem document as the gateway writes it, set out for people."""
        raw = self.problem.document(
            instance=self.request.partition(" ")[2].partition("?")[0], correlation_id=CORRELATION_ID, trace_id=TRACE_ID
        )
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)


def through_grpc(refusal: Refusal) -> Problem:
    """Return what the gateway makes of a service's refusal."""
    status = rpc_status.to_status(interceptors.status_of(refusal, CORRELATION_ID))
    return from_rpc_error(_rpc_error(status.code, grpc.aio.Metadata(*status.trailing_metadata)))


def _rpc_error(code: grpc.StatusCode, trailing: grpc.aio.Metadata | None = None) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing or grpc.aio.Metadata())


def _unread(rpc: str, body: Any, headers: Mapping[bytes, bytes] | None = None) -> Problem:
    """Return what a request becomes that the gateway cannot read."""
    route = next(route for route in all_routes() if route.rpc.name == rpc)
    try:
        RequestReader(route).read([_ID] * len(route.variables), b"", json.dumps(body).encode(), headers or {})
    except Refused as refused:
        return refused.problem
    raise AssertionError(f"{rpc} reads this")


def _invalid(request: Message) -> Refusal:
    """Return what a service says about a request that breaks a rule."""

    async def unreachable(_: interceptors.Rpc) -> NoReturn:
        raise AssertionError("the request is valid")

    rpc = interceptors.Rpc("", cast(Any, None), request, cast(Any, None), {})
    return _refused(lambda: asyncio.run(interceptors.with_validation(rpc, unreachable)))


def _foreign_page() -> Refusal:
    request = order_service_pb2.ListOrdersRequest(page_token="anything")  # noqa: S106 - of a list, no secret
    return _refused(lambda: Pager("secret").page(request, Actor("", "", "", "")))


def _refused(call: Callable[[], object]) -> Refusal:
    try:
        call()
    except Refusal as refusal:
        return refusal
    raise AssertionError("nothing was refused")


def _status_alone(code: grpc.StatusCode) -> Problem:
    return from_rpc_error(_rpc_error(code))


def _read_by_the_gateway() -> dict[str, Example]:
    """Return what the gateway refuses before it asks a service."""
    not_a_number = {**_HEAD, "lines": [{"sku": "LAMP-01", "quantity": "three"}]}
    reason = {"reason": "CUSTOMER_REQUEST"}
    return {
        "UNAUTHENTICATED": Example("GET /v1/orders", Problem("UNAUTHENTICATED")),
        "METHOD_NOT_ALLOWED": Example(
            "DELETE /v1/orders", Problem("METHOD_NOT_ALLOWED", headers=((b"allow", b"GET, HEAD, POST"),))
        ),
        "MALFORMED_JSON": Example(_ORDERS, _unread("PlaceOrder", not_a_number)),
        "UNKNOWN_FIELD": Example(_ORDERS, _unread("PlaceOrder", {**_HEAD, "colour": "red"})),
        "INVALID_HEADER": Example(_CANCEL, _unread("CancelOrder", reason, {b"if-match": b'W/"4"'})),
        "PAYLOAD_TOO_LARGE": Example(_ORDERS, Problem("PAYLOAD_TOO_LARGE", headers=((b"connection", b"close"),))),
        "UNSUPPORTED_MEDIA_TYPE": Example(_ORDERS, Problem("UNSUPPORTED_MEDIA_TYPE")),
        "HEADERS_TOO_LARGE": Example(_ORDERS, Problem("HEADERS_TOO_LARGE")),
        "IDEMPOTENCY_KEY_REQUIRED": Example(_ORDERS, Problem("IDEMPOTENCY_KEY_REQUIRED")),
        "RATE_LIMITED": Example("GET /v1/orders", Problem("RATE_LIMITED", retry_after=12)),
        "INTERNAL": Example(_ORDERS, Problem("INTERNAL")),
        "UNAVAILABLE": Example(_ORDERS, _status_alone(grpc.StatusCode.UNAVAILABLE)),
        "DEADLINE_EXCEEDED": Example(_ORDERS, _status_alone(grpc.StatusCode.DEADLINE_EXCEEDED)),
    }


def _refused_by_a_service() -> dict[str, Example]:
    """Return what services refuse, as it comes through the gateway."""
    refusals: list[tuple[str, Refusal]] = [
        ("GET /v1/orders?page_token=anything", _foreign_page()),
        (_ORDERS, _invalid(order_service_pb2.PlaceOrderRequest(**_HEAD))),
        (_ORDERS, idempotency.reused()),
        (_ORDERS, IdempotencyKeyInProgress("the first request with this key is still running", retry_after=1)),
        (_ORDERS, database.unavailable(sa.exc.TimeoutError())),
        *((request, _of_a_domain(reason, said)) for reason, (request, said) in DOMAIN.items()),
    ]
    return {refusal.reason: Example(request, through_grpc(refusal)) for request, refusal in refusals}


def _of_a_domain(reason: str, said: str) -> Refusal:
    """Return the refusal that a domain makes: no tool imports a service, so its class is made here."""
    return cast(Refusal, type("DomainRefusal", (Refusal,), {"reason": reason})(said, **MORE.get(reason, {})))


def examples() -> dict[str, Example]:
    """Return an example of each reason that can be given, by its name without prefix."""
    return _read_by_the_gateway() | _refused_by_a_service()
