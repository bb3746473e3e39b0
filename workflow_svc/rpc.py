"""The gRPC servicer of workflow_svc."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio

from atlas.workflow.v1 import approval_pb2, policy_pb2, workflow_service_pb2, workflow_service_pb2_grpc
from chassis.application import Edge
from chassis.grpc_server import Servicer
from workflow_svc import queries
from workflow_svc.commands import APPROVE_REQUEST, REJECT_REQUEST

Context = grpc.aio.ServicerContext[Any, Any]


class WorkflowServicer(workflow_service_pb2_grpc.WorkflowServiceServicer):
    """Approvals and the policies that ask for them."""

    def __init__(self, edge: Edge) -> None:
        self._commands = edge.commands
        self._queries = edge.queries
        self._list_approvals = partial(queries.list_approvals, pager=edge.pager)
        self._list_policies = partial(queries.list_policies, pager=edge.pager)

    async def GetApproval(self, request: approval_pb2.GetApprovalRequest, context: Context) -> approval_pb2.GetApprovalResponse:
        """Read one approval."""
        return await self._queries.run(queries.get_approval, request)

    async def ListApprovals(
        self, request: approval_pb2.ListApprovalsRequest, context: Context
    ) -> approval_pb2.ListApprovalsResponse:
        """List approvals."""
        return await self._queries.run(self._list_approvals, request)

    async def ApproveRequest(
        self, request: approval_pb2.ApproveRequestRequest, context: Context
    ) -> approval_pb2.ApproveRequestResponse:
        """Approve the open step."""
        response: approval_pb2.ApproveRequestResponse = await self._commands.submit(APPROVE_REQUEST, request, context)
        return response

    async def RejectRequest(
        self, request: approval_pb2.RejectRequestRequest, context: Context
    ) -> approval_pb2.RejectRequestResponse:
        """Reject the whole request."""
        response: approval_pb2.RejectRequestResponse = await self._commands.submit(REJECT_REQUEST, request, context)
        return response

    async def GetPolicy(self, request: policy_pb2.GetPolicyRequest, context: Context) -> policy_pb2.GetPolicyResponse:
        """Read one policy."""
        return await self._queries.run(queries.get_policy, request)

    async def ListPolicies(self, request: policy_pb2.ListPoliciesRequest, context: Context) -> policy_pb2.ListPoliciesResponse:
        """List policies."""
        return await self._queries.run(self._list_policies, request)

    async def EvaluatePolicy(
        self, request: policy_pb2.EvaluatePolicyRequest, context: Context
    ) -> policy_pb2.EvaluatePolicyResponse:
        """Say which approvals a subject would need."""
        return await self._queries.run(queries.evaluate_policy, request)


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    contract = workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"]
    return [Servicer(contract, WorkflowServicer(edge), workflow_service_pb2_grpc.add_WorkflowServiceServicer_to_server)]
