"""One decider per RPC that decides an approval, and the table of them."""

from __future__ import annotations

from atlas.workflow.v1 import approval_pb2
from chassis.handling import Command
from chassis.world import Context, Decision, Keys, World, keys
from workflow_svc import wire
from workflow_svc.domain import approval as approvals
from workflow_svc.domain.approval import Approval, Decide
from workflow_svc.domain.errors import ApprovalNotFound


def decide_approval(world: World, command: Decide, context: Context) -> Decision:
    """Decide the open step in the caller's name."""
    decider = wire.decider(context.actor)
    approvals.check_person(decider)
    approval = world.find(Approval, command.approval_id)
    if approval is None:
        raise ApprovalNotFound(command.approval_id)
    version = world.version(approval)
    decided, events = approvals.decide(approval, command, decider=decider, version=version, now=context.now)
    return Decision(changed=(decided,), events=events, result=decided)


def _approval(command: Decide) -> Keys:
    return keys(Approval, [command.approval_id])


APPROVE_REQUEST = Command(
    name="ApproveRequest",
    response=approval_pb2.ApproveRequestResponse,
    parse=wire.approve_request,
    keys=_approval,
    decide=decide_approval,
    encode=wire.approved,
)
REJECT_REQUEST = Command(
    name="RejectRequest",
    response=approval_pb2.RejectRequestResponse,
    parse=wire.reject_request,
    keys=_approval,
    decide=decide_approval,
    encode=wire.rejected,
)
