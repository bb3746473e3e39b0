"""Where protobuf and the domain meet: requests and events in, events and resources out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from atlas.billing.v1 import invoice_pb2, payment_events_pb2
from atlas.common.v1 import event_metadata_pb2
from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.orders.v1 import order_events_pb2
from atlas.workflow.v1 import approval_pb2, policy_pb2, workflow_events_pb2
from chassis.values import known_currency, money, money_message, person_message, time_message
from chassis.world import Actor, Row, World
from workflow_svc.domain import events
from workflow_svc.domain.approval import Approval, Decide, DecisionMade, Step, Verdict
from workflow_svc.domain.events import About, Terms
from workflow_svc.domain.facts import Cancelled, Paid, Placed
from workflow_svc.domain.person import Decider, Person
from workflow_svc.domain.policy import Condition, Evaluation, Policy, PolicyStep, Rule, Subject, SubjectType

# requests


def approve_request(request: approval_pb2.ApproveRequestRequest) -> Decide:
    """Read an approval."""
    return _decide(request, Verdict.APPROVED)


def reject_request(request: approval_pb2.RejectRequestRequest) -> Decide:
    """Read a rejection."""
    return _decide(request, Verdict.REJECTED)


def _decide(request: approval_pb2.ApproveRequestRequest | approval_pb2.RejectRequestRequest, verdict: Verdict) -> Decide:
    return Decide(
        approval_id=request.approval_id,
        verdict=verdict,
        comment=request.comment,
        terms=Terms(request.terms_version, money(request.total)),
        expected_version=request.expected_version if request.HasField("expected_version") else None,
    )


def subject_type(request: policy_pb2.EvaluatePolicyRequest) -> SubjectType | None:
    """Read what a request to evaluate says it is about."""
    if not request.HasField("subject_type"):
        return None
    return SubjectType(policy_pb2.SubjectType.Name(request.subject_type).removeprefix("SUBJECT_TYPE_"))


def subject(request: policy_pb2.EvaluatePolicyRequest) -> Subject:
    """Read what a policy looks at."""
    known_currency(request.total.currency_code, "total.currency_code")
    return Subject(money(request.total), request.discount_basis_points, request.customer_id)


def decider(actor: Actor) -> Decider:
    """Return the caller as one who wants to decide."""
    return Decider(Person(actor.issuer, actor.subject, actor.username), actor.roles, actor.human)


# events in


def order_placed(payload: order_events_pb2.OrderPlaced, _metadata: EventMetadata) -> Placed:
    """Read what a policy looks at; the discount is the largest of a line."""
    return Placed(
        order_id=payload.order_id,
        placed_by=_placed_by(payload),
        subject=Subject(
            total=money(payload.total),
            discount_basis_points=max(line.discount_basis_points for line in payload.lines),
            customer_id=payload.customer_id,
        ),
        terms_version=payload.terms_version,
    )


def order_cancelled(payload: order_events_pb2.OrderCancelled, _metadata: EventMetadata) -> Cancelled:
    """Read a cancel."""
    return Cancelled(payload.order_id, _placed_by(payload))


def payment_succeeded(payload: payment_events_pb2.PaymentSucceeded, _metadata: EventMetadata) -> Paid:
    """Read whether the invoice is paid."""
    return Paid(payload.order_id, in_full=payload.invoice_state == invoice_pb2.INVOICE_STATE_PAID)


def _placed_by(payload: order_events_pb2.OrderPlaced | order_events_pb2.OrderCancelled) -> Person:
    return Person(payload.placed_by_issuer, payload.placed_by.subject, payload.placed_by.username)


# events out


def payload(event: events.Event) -> Message:
    """Write a domain event as its payload."""
    match event:
        case events.ApprovalNotRequired():
            return workflow_events_pb2.ApprovalNotRequired(
                **_about(event.about),
                policy_id=event.policy_id,
                policy_version=event.policy_version,
                terms_version=event.terms.version,
            )
        case events.ApprovalRequested():
            return _requested(event)
        case events.ApprovalGranted():
            return workflow_events_pb2.ApprovalGranted(**_decided(event))
        case events.ApprovalRejected():
            return workflow_events_pb2.ApprovalRejected(**_decided(event))
        case events.ApprovalWithdrawn():
            return workflow_events_pb2.ApprovalWithdrawn(
                **_about(event.about),
                approval_id=event.approval_id,
                reason=workflow_events_pb2.WITHDRAW_REASON_WITHDRAWN,
            )


def _about(about: About) -> dict[str, Any]:
    return {
        "order_id": about.order_id,
        "subject_type": policy_pb2.SubjectType.Value(f"SUBJECT_TYPE_{about.subject_type}"),
        "subject_id": about.subject_id,
    }


def _decided(event: events.ApprovalGranted | events.ApprovalRejected) -> dict[str, Any]:
    return {
        **_about(event.about),
        "approval_id": event.approval_id,
        "decided_by": _person(event.decided_by),
        "terms_version": event.terms.version,
        "total": money_message(event.terms.total),
    }


def _requested(event: events.ApprovalRequested) -> workflow_events_pb2.ApprovalRequested:
    return workflow_events_pb2.ApprovalRequested(
        **_about(event.about),
        approval_id=event.approval_id,
        policy_id=event.policy_id,
        policy_version=event.policy_version,
        matched_rules=event.matched_rules,
        terms_version=event.terms.version,
        total=money_message(event.terms.total),
        steps=[
            workflow_events_pb2.RequestedStep(
                step_number=number, role=step.role, quorum=step.quorum, deadline_seconds=step.deadline_seconds
            )
            for number, step in enumerate(event.steps, start=1)
        ],
        longest_seconds=event.longest_seconds,
    )


# resources


def approved(world: World, approval: Approval) -> approval_pb2.ApproveRequestResponse:
    """Answer an approval."""
    return approval_pb2.ApproveRequestResponse(approval=approval_message(world.row(approval)))


def rejected(world: World, approval: Approval) -> approval_pb2.RejectRequestResponse:
    """Answer a rejection."""
    return approval_pb2.RejectRequestResponse(approval=approval_message(world.row(approval)))


def approval_message(row: Row[Approval]) -> approval_pb2.Approval:
    """Write an approval as clients see it."""
    approval = row.aggregate
    return approval_pb2.Approval(
        **_about(approval.about),
        approval_id=approval.approval_id,
        state=approval_pb2.ApprovalState.Value(f"APPROVAL_STATE_{approval.state}"),
        requester=_person(approval.requester),
        policy_id=approval.request.policy_id,
        policy_version=approval.request.policy_version,
        matched_rules=approval.request.matched_rules,
        terms_version=approval.terms.version,
        total=money_message(approval.terms.total),
        steps=[_step_message(approval, step) for step in approval.steps],
        version=row.version,
        create_time=_time(row.create_time),
        update_time=_time(row.update_time),
    )


def _step_message(approval: Approval, step: Step) -> approval_pb2.ApprovalStep:
    return approval_pb2.ApprovalStep(
        step_number=step.step_number,
        role=step.asks.role,
        quorum=step.asks.quorum,
        state=approval_pb2.ApprovalStepState.Value(f"APPROVAL_STEP_STATE_{approval.state_of(step)}"),
        due_time=_time(step.due_time),
        decisions=[_decision_message(made) for made in step.decisions],
    )


def _decision_message(made: DecisionMade) -> approval_pb2.ApprovalDecision:
    return approval_pb2.ApprovalDecision(
        decided_by=_person(made.decided_by),
        decision=approval_pb2.Decision.Value(f"DECISION_{made.verdict}"),
        comment=made.comment,
        decide_time=_time(made.decide_time),
    )


def policy_message(policy: Policy, create_time: datetime) -> policy_pb2.Policy:
    """Write a policy as clients see it; a version never changes, so its row is at version 1."""
    return policy_pb2.Policy(
        policy_id=policy.policy_id,
        policy_version=policy.policy_version,
        subject_type=policy_pb2.SubjectType.Value(f"SUBJECT_TYPE_{policy.subject_type}"),
        opens=policy_pb2.PolicyOpening.Value(f"POLICY_OPENING_{policy.opens}"),
        rules=[_rule_message(rule) for rule in policy.rules],
        version=1,
        create_time=_time(create_time),
        update_time=_time(create_time),
    )


def evaluated(policy: Policy, evaluation: Evaluation) -> policy_pb2.EvaluatePolicyResponse:
    """Answer EvaluatePolicy."""
    return policy_pb2.EvaluatePolicyResponse(
        policy_version=policy.policy_version,
        matched_rules=evaluation.matched_rules,
        steps=_step_messages(evaluation.steps),
    )


def _rule_message(rule: Rule) -> policy_pb2.PolicyRule:
    return policy_pb2.PolicyRule(name=rule.name, when=_condition_message(rule.when), steps=_step_messages(rule.steps))


def _condition_message(condition: Condition) -> policy_pb2.PolicyCondition:
    amount = condition.total_at_least
    return policy_pb2.PolicyCondition(
        total_at_least=money_message(amount) if amount else None,
        discount_basis_points_at_least=condition.discount_basis_points_at_least,
        customer_ids=condition.customer_ids,
    )


def _step_messages(steps: Iterable[PolicyStep]) -> list[policy_pb2.PolicyStep]:
    return [
        policy_pb2.PolicyStep(
            role=step.role,
            quorum=step.quorum,
            deadline_seconds=step.deadline_seconds,
            reminder_seconds=step.reminder_seconds,
            escalate_to=step.escalate_to,
            on_timeout=policy_pb2.TimeoutAction.Value(f"TIMEOUT_ACTION_{step.on_timeout}"),
        )
        for step in steps
    ]


def _person(person: Person) -> event_metadata_pb2.Person:
    return person_message(person.subject, person.username)


def _time(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else time_message(moment)
