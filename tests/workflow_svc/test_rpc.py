"""workflow_svc over gRPC, with tokens: scopes, people, and keys that make a repeated decision one decision."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from atlas.workflow.v1 import approval_pb2, policy_pb2, workflow_service_pb2_grpc
from chassis.auth import TokenVerifier
from chassis.grpc_server import GrpcServer
from chassis.jwks import JwksSource
from chassis.money import Money
from chassis.values import money_message
from tests.chassis.issuer import ISSUER, Issuer
from tests.security.tokens import Forge, fresh_signer
from tests.workflow_svc.builders import BUYER, eur, order_placed, payment_succeeded
from tests.workflow_svc.desk import APPROVER, Desk

SIGNER = fresh_signer("issuer-key")
VIEWER = ("workflow:read", "orders:read_all")
DECIDER = (*VIEWER, "workflow:approve")


@dataclass
class Counter:
    """A client of the running service, and who may be at it."""

    desk: Desk
    stub: workflow_service_pb2_grpc.WorkflowServiceStub

    async def ask(self, method: str, request: Any, token: str, key: str = "") -> Any:
        """Call with a token and an idempotency key."""
        metadata = (("authorization", f"Bearer {token}"), ("idempotency-key", key or str(uuid.uuid4())))
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=5)

    async def refusal(self, method: str, request: Any, token: str) -> tuple[grpc.StatusCode, str]:
        """Call what is refused; the code and the reason."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.ask(method, request, token)
        status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]  # an AioRpcError is a call that ended
        info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        return refused.value.code(), info.reason


def token(name: str, *roles: str, scopes: tuple[str, ...] = DECIDER, client: str = "atlas-cli") -> str:
    """An access token of this person."""
    forge = Forge(SIGNER, ISSUER, int(time.time()), subject=f"{name}-id", scopes=scopes)
    return forge.token(preferred_username=name, azp=client, realm_access={"roles": list(roles)})


@pytest.fixture
async def counter(desk: Desk) -> AsyncIterator[Counter]:
    jwks = JwksSource(ISSUER, client=Issuer([SIGNER.public_jwk()]).client())
    await jwks.warm()
    edge = desk.application.edge()
    edge.commands.start()
    servicers = desk.application.blueprint.servicers(edge)
    verifier = TokenVerifier(issuer=ISSUER, audience="workflow-svc", jwks=jwks)
    server = GrpcServer(servicers, verifier, port=0, reflect=False)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Counter(desk, workflow_service_pb2_grpc.WorkflowServiceStub(channel))
    await server.stop()
    await edge.commands.drain()
    edge.queries.close()
    await jwks.aclose()


def an_open_approval(desk: Desk) -> approval_pb2.Approval:
    order_id = str(uuid.uuid4())
    desk.publish(order_placed(order_id, eur(1_000_000)), payment_succeeded(order_id))
    return desk.approval_of(order_id)


def approve(approval: approval_pb2.Approval) -> approval_pb2.ApproveRequestRequest:
    return approval_pb2.ApproveRequestRequest(
        approval_id=approval.approval_id, terms_version=approval.terms_version, total=approval.total
    )


async def test_decision_is_made_once_under_its_key(counter: Counter) -> None:
    approval = an_open_approval(counter.desk)
    approver, key = token("approver", "Approver"), str(uuid.uuid4())
    first = await counter.ask("ApproveRequest", approve(approval), approver, key)
    again = await counter.ask("ApproveRequest", approve(approval), approver, key)
    assert first == again
    assert first.approval.steps[0].decisions[0].decided_by.username == "approver"
    kept = await counter.ask("GetApproval", approval_pb2.GetApprovalRequest(approval_id=approval.approval_id), approver)
    assert kept.approval == first.approval
    listed = await counter.ask("ListApprovals", approval_pb2.ListApprovalsRequest(assignee="me"), token("finance", "Finance"))
    assert approval.approval_id in [each.approval_id for each in listed.approvals]


@pytest.mark.parametrize(
    ("name", "roles", "scopes", "client", "refusal"),
    [
        ("approver", ["Approver"], VIEWER, "atlas-cli", (grpc.StatusCode.PERMISSION_DENIED, "INSUFFICIENT_SCOPE")),
        ("finance", ["Finance"], DECIDER, "atlas-cli", (grpc.StatusCode.PERMISSION_DENIED, "INSUFFICIENT_SCOPE")),
        ("robot", ["Approver"], DECIDER, "atlas-svc-bot", (grpc.StatusCode.PERMISSION_DENIED, "HUMAN_ONLY")),
    ],
)
async def test_only_people_with_scope_and_role_decide(
    counter: Counter, name: str, roles: list[str], scopes: tuple[str, ...], client: str, refusal: tuple[grpc.StatusCode, str]
) -> None:
    approval = an_open_approval(counter.desk)
    caller = token(name, *roles, scopes=scopes, client=client)
    assert await counter.refusal("ApproveRequest", approve(approval), caller) == refusal


async def test_requester_is_told_apart_by_issuer_and_subject(counter: Counter) -> None:
    order_id = str(uuid.uuid4())
    requester = type(BUYER)(ISSUER, "me-id", "me")
    counter.desk.publish(order_placed(order_id, eur(1_000_000), requester), payment_succeeded(order_id))
    refusal = await counter.refusal("ApproveRequest", approve(counter.desk.approval_of(order_id)), token("me", "Approver"))
    assert refusal == (grpc.StatusCode.PERMISSION_DENIED, "SELF_APPROVAL")


@pytest.mark.parametrize("change", [{"comment": ""}, {"comment": "  "}, {"terms_version": 0}, {"total": None}])
async def test_rejection_names_why_and_on_what(counter: Counter, change: dict[str, Any]) -> None:
    approval = an_open_approval(counter.desk)
    fields = {"approval_id": approval.approval_id, "comment": "no", "terms_version": 1, "total": approval.total, **change}
    request = approval_pb2.RejectRequestRequest(**fields)
    refusal = await counter.refusal("RejectRequest", request, token("approver", "Approver"))
    assert refusal == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")


async def test_rejection_is_answered_with_the_ended_approval(counter: Counter) -> None:
    approval = an_open_approval(counter.desk)
    request = approval_pb2.RejectRequestRequest(
        approval_id=approval.approval_id, comment="too much", terms_version=1, total=approval.total
    )
    answer = await counter.ask("RejectRequest", request, token("approver", "Approver"))
    assert answer.approval.state == approval_pb2.APPROVAL_STATE_REJECTED
    assert answer.approval.steps[0].decisions[0].comment == "too much"


async def test_policies_are_read(counter: Counter) -> None:
    viewer = token("viewer", "Viewer", scopes=VIEWER)
    one = await counter.ask("GetPolicy", policy_pb2.GetPolicyRequest(policy_id="orders-default"), viewer)
    listed = await counter.ask("ListPolicies", policy_pb2.ListPoliciesRequest(), viewer)
    assert list(listed.policies) == [one.policy]
    nothing = policy_pb2.GetPolicyRequest(policy_id="nothing")
    assert await counter.refusal("GetPolicy", nothing, viewer) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


@pytest.mark.parametrize("total", [eur(99_999), eur(100_000), eur(1_000_000), Money("USD", 1)], ids=str)
async def test_what_an_order_would_need_is_what_it_needs(counter: Counter, total: Money) -> None:
    order_id = str(uuid.uuid4())
    request = policy_pb2.EvaluatePolicyRequest(policy_id="orders-default", total=money_message(total), customer_id="cust-1")
    before = counter.desk.approvals(APPROVER, page_size=200)
    answer = await counter.ask("EvaluatePolicy", request, token("buyer", "Buyer", scopes=("orders:read",)))
    assert counter.desk.approvals(APPROVER, page_size=200) == before
    counter.desk.publish(order_placed(order_id, total))
    approvals = counter.desk.approvals(APPROVER, order_id=order_id)
    assert [(list(each.matched_rules), each.policy_version) for each in approvals] == (
        [(list(answer.matched_rules), answer.policy_version)] if answer.steps else []
    )
    assert [(step.role, step.quorum) for each in approvals for step in each.steps] == [
        (step.role, step.quorum) for step in answer.steps
    ]


@pytest.mark.parametrize(
    ("change", "scopes", "refusal"),
    [
        ({"policy_id": "nothing"}, ("orders:read",), (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")),
        ({}, ("workflow:read",), (grpc.StatusCode.PERMISSION_DENIED, "INSUFFICIENT_SCOPE")),
        ({"total": None}, ("orders:read",), (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")),
    ],
    ids=["no such policy", "no scope", "no total"],
)
async def test_an_evaluation_is_refused(
    counter: Counter, change: dict[str, Any], scopes: tuple[str, ...], refusal: tuple[grpc.StatusCode, str]
) -> None:
    fields = {"policy_id": "orders-default", "total": money_message(eur(1)), "customer_id": "cust-1", **change}
    request = policy_pb2.EvaluatePolicyRequest(**fields)
    assert await counter.refusal("EvaluatePolicy", request, token("buyer", "Buyer", scopes=scopes)) == refusal
