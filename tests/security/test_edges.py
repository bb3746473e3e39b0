"""Tokens, scopes and ownership at every edge: the gateway, and each gRPC service asked directly."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
import pytest

from atlas.billing.v1 import billing_service_pb2_grpc, invoice_pb2, ledger_pb2, payment_pb2
from atlas.inventory.v1 import inventory_service_pb2_grpc, reservation_pb2, stock_pb2
from atlas.orders.v1 import fulfillment_pb2, order_service_pb2, order_service_pb2_grpc
from atlas.reporting.v1 import report_pb2, reporting_service_pb2_grpc, timeline_pb2
from atlas.workflow.v1 import approval_pb2, workflow_service_pb2_grpc
from cli.client import CliProblem, RestClient
from cli.scenarios.happy import EVENTS
from cli.scenarios.narrator import Silence
from cli.scenarios.stage import Placed, Stage, an_order
from tests.security.tokens import HONEST, HOSTILE, Forge, signer_of
from tests.stack import Stack

pytestmark = pytest.mark.stack

SECONDS = 10.0
UNAUTHENTICATED, DENIED, NOT_FOUND = (
    *(grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED),
    grpc.StatusCode.NOT_FOUND,
)
HEADERS = {"none": {}, "empty": {"Authorization": ""}, "basic": {"Authorization": "Basic b3BzOm9wcw=="}}


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC of one service."""

    stub: Callable[..., Any]
    method: str
    request: Any


READS = {
    "order_svc": Call(order_service_pb2_grpc.OrderServiceStub, "ListOrders", order_service_pb2.ListOrdersRequest()),
    "inventory_svc": Call(inventory_service_pb2_grpc.InventoryServiceStub, "ListItems", stock_pb2.ListItemsRequest()),
    "billing_svc": Call(billing_service_pb2_grpc.BillingServiceStub, "ListInvoices", invoice_pb2.ListInvoicesRequest()),
    "workflow_svc": Call(workflow_service_pb2_grpc.WorkflowServiceStub, "ListApprovals", approval_pb2.ListApprovalsRequest()),
    "reporting_svc": Call(
        reporting_service_pb2_grpc.ReportingServiceStub, "ListOrderSummaries", report_pb2.ListOrderSummariesRequest()
    ),
}
BEYOND_THE_BUYER = {
    "order_svc": Call(order_service_pb2_grpc.OrderServiceStub, "FulfillOrder", fulfillment_pb2.FulfillOrderRequest()),
    "inventory_svc": Call(inventory_service_pb2_grpc.InventoryServiceStub, "CreateItem", stock_pb2.CreateItemRequest()),
    "billing_svc": Call(billing_service_pb2_grpc.BillingServiceStub, "ListJournals", ledger_pb2.ListJournalsRequest()),
    "workflow_svc": READS["workflow_svc"],
    "reporting_svc": READS["reporting_svc"],
}
SCOPES = ("billing:read", "inventory:read", "orders:read", "orders:read_all", "reporting:read", "workflow:read")


@pytest.fixture
def forge(stack: Stack) -> Forge:
    """Makes tokens with the key of the stack's issuer."""
    signer = signer_of(stack.home / "data" / "issuer")
    return Forge(signer, stack.addresses.issuer, int(time.time()), scopes=SCOPES)


@pytest.fixture(scope="module")
def channels(stack: Stack) -> Iterator[dict[str, grpc.Channel]]:
    """A channel to each service."""
    opened = {name: grpc.insecure_channel(address) for name, address in stack.grpc.items()}
    yield opened
    for channel in opened.values():
        channel.close()


@pytest.fixture(scope="module")
def placed(client: RestClient) -> Placed:
    """A confirmed and shipped order of buyer, known to every service."""
    stage = Stage(client, Silence())
    order = stage.place("order", an_order(stage.item("LAMP", stock=1), 1))
    stage.until_state(order, "CONFIRMED")
    stage.ops.post(f"/v1/orders/{order.order_id}/fulfillments")
    stage.expect_events(order, *EVENTS)
    assert [check for check in stage.checks if not check.holds] == []
    return order


def at_gateway(stack: Stack, headers: dict[str, str], path: str = "/v1/orders") -> tuple[int, str]:
    """Status and code of a GET."""
    response = httpx2.get(f"{stack.addresses.base_url}{path}", headers=headers, timeout=SECONDS, trust_env=False)
    return response.status_code, response.json().get("code", "")


def at_service(channel: grpc.Channel, call: Call, authorization: str | None) -> grpc.StatusCode:
    """The status of one RPC."""
    metadata = [("authorization", authorization)] if authorization is not None else []
    try:
        getattr(call.stub(channel), call.method)(call.request, metadata=metadata, timeout=SECONDS)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("name", HEADERS)
def test_gateway_refuses_who_shows_no_token(stack: Stack, name: str) -> None:
    assert at_gateway(stack, HEADERS[name]) == (401, "UNAUTHENTICATED")


@pytest.mark.timeout(180)
def test_gateway_refuses_every_hostile_token(stack: Stack, forge: Forge) -> None:
    # the client itself refuses to send a value that ends in a space
    answers = {case.name: at_gateway(stack, {"Authorization": f"Bearer {case.build(forge)}".strip()}) for case in HOSTILE}
    assert {name: answer for name, answer in answers.items() if answer != (401, "UNAUTHENTICATED")} == {}


def test_gateway_takes_every_honest_token(stack: Stack, forge: Forge) -> None:
    answers = {case.name: at_gateway(stack, {"Authorization": f"Bearer {case.build(forge)}"})[0] for case in HONEST}
    assert set(answers.values()) == {200}, answers


@pytest.mark.parametrize("service", READS)
@pytest.mark.parametrize("authorization", [None, "", "Basic b3BzOm9wcw==", "Bearer", "Bearer "])
def test_service_refuses_who_shows_no_token(channels: dict[str, grpc.Channel], service: str, authorization: str | None) -> None:
    assert at_service(channels[service], READS[service], authorization) is UNAUTHENTICATED


@pytest.mark.timeout(180)
@pytest.mark.parametrize("service", READS)
def test_service_refuses_every_hostile_token(channels: dict[str, grpc.Channel], forge: Forge, service: str) -> None:
    answers = {case.name: at_service(channels[service], READS[service], f"Bearer {case.build(forge)}") for case in HOSTILE}
    assert {name: answer for name, answer in answers.items() if answer is not UNAUTHENTICATED} == {}


@pytest.mark.parametrize("service", READS)
def test_service_takes_every_honest_token(channels: dict[str, grpc.Channel], forge: Forge, service: str) -> None:
    answers = {case.name: at_service(channels[service], READS[service], f"Bearer {case.build(forge)}") for case in HONEST}
    assert set(answers.values()) == {grpc.StatusCode.OK}, answers


@pytest.mark.parametrize("service", READS)
def test_service_refuses_a_token_for_another_service(channels: dict[str, grpc.Channel], forge: Forge, service: str) -> None:
    own = f"{service.removesuffix('_svc')}-svc"
    others = [f"{name.removesuffix('_svc')}-svc" for name in READS if name != service]
    assert at_service(channels[service], READS[service], f"Bearer {forge.token(aud=others)}") is UNAUTHENTICATED
    assert at_service(channels[service], READS[service], f"Bearer {forge.token(aud=[own])}") is grpc.StatusCode.OK


@pytest.mark.parametrize("service", BEYOND_THE_BUYER)
def test_service_refuses_who_lacks_the_scope(channels: dict[str, grpc.Channel], client: RestClient, service: str) -> None:
    assert at_service(channels[service], BEYOND_THE_BUYER[service], f"Bearer {client.token('buyer')}") is DENIED


@pytest.mark.parametrize(
    ("user", "path"), [("buyer", "/v1/ledger/journals"), ("buyer", "/v1/approvals"), ("viewer", "/v1/ops/order/outbox")]
)
def test_gateway_refuses_who_lacks_the_scope(stack: Stack, client: RestClient, user: str, path: str) -> None:
    assert at_gateway(stack, {"Authorization": f"Bearer {client.token(user)}"}, path) == (403, "INSUFFICIENT_SCOPE")


def test_gateway_hides_the_orders_of_others(client: RestClient, placed: Placed) -> None:
    other, reader = client.as_user("buyer2"), client.as_user("admin")
    invoice = next(reader.pages("/v1/invoices", "invoices", order_id=placed.order_id))
    payment = next(reader.pages("/v1/payments", "payments", order_id=placed.order_id))
    order = f"/v1/orders/{placed.order_id}"
    hidden = [order, f"{order}/timeline", f"{order}/fulfillments", f"/v1/inventory/reservations/{placed.order_id}"]
    hidden += [f"/v1/invoices/{invoice['invoice_id']}", f"/v1/payments/{payment['payment_id']}"]
    assert [path for path in hidden if client.as_user("buyer").find(path) is None] == []
    assert [path for path in hidden if other.find(path) is not None] == []
    for name, path in {"orders": "/v1/orders", "invoices": "/v1/invoices", "payments": "/v1/payments"}.items():
        assert [row for row in other.pages(path, name) if row["order_id"] == placed.order_id] == []
    with pytest.raises(CliProblem) as refused:
        other.post(f"{order}/cancel", {"reason": "CUSTOMER_REQUEST"})
    assert (refused.value.status, refused.value.problem_code) == (404, "NOT_FOUND")


def test_services_hide_the_orders_of_others(channels: dict[str, grpc.Channel], client: RestClient, placed: Placed) -> None:
    reader = client.as_user("admin")
    invoice = next(reader.pages("/v1/invoices", "invoices", order_id=placed.order_id))
    payment = next(reader.pages("/v1/payments", "payments", order_id=placed.order_id))
    billing, inventory = billing_service_pb2_grpc.BillingServiceStub, inventory_service_pb2_grpc.InventoryServiceStub
    order = order_service_pb2.GetOrderRequest(order_id=placed.order_id)
    calls = [
        ("order_svc", Call(order_service_pb2_grpc.OrderServiceStub, "GetOrder", order)),
        ("inventory_svc", Call(inventory, "GetReservation", reservation_pb2.GetReservationRequest(order_id=placed.order_id))),
        ("billing_svc", Call(billing, "GetInvoice", invoice_pb2.GetInvoiceRequest(invoice_id=invoice["invoice_id"]))),
        ("billing_svc", Call(billing, "GetPayment", payment_pb2.GetPaymentRequest(payment_id=payment["payment_id"]))),
        (
            "reporting_svc",
            Call(
                reporting_service_pb2_grpc.ReportingServiceStub,
                "GetTimeline",
                timeline_pb2.GetTimelineRequest(order_id=placed.order_id),
            ),
        ),
    ]
    answers = {
        user: {at_service(channels[service], call, f"Bearer {client.token(user)}") for service, call in calls}
        for user in ("buyer", "buyer2")
    }
    assert answers == {"buyer": {grpc.StatusCode.OK}, "buyer2": {NOT_FOUND}}
