"""What workflow knows of an order: a set of facts, in whatever order they are read, and what they do to its approval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from workflow_svc.domain.approval import Approval, ApprovalState, Request, Step
from workflow_svc.domain.events import (
    About,
    ApprovalNotRequired,
    ApprovalRequested,
    ApprovalWithdrawn,
    Event,
    Terms,
)
from workflow_svc.domain.facts import Cancelled, Placed
from workflow_svc.domain.person import Person
from workflow_svc.domain.policy import Evaluation, Opening, Policy, SubjectType, evaluate


@dataclass(frozen=True, slots=True)
class Order:
    """The facts about one order, and the approval it needed. A cancel read first leaves a tombstone."""

    order_id: str
    placed: bool = False
    paid: bool = False
    cancelled: bool = False
    placed_by: Person | None = None
    approval_id: str | None = None

    @property
    def key(self) -> str:
        """The order_id."""
        return self.order_id


@dataclass(frozen=True, slots=True)
class Learned:
    """What a fact changed. Everything is as it was, and `events` is empty, where the fact was known."""

    order: Order
    approval: Approval | None = None
    events: tuple[Event, ...] = ()


def learn_placed(order: Order, placed: Placed, policy: Policy, *, approval_id: str, now: datetime) -> Learned:
    """Answer a placed order at once: nobody has to decide, or these people. A cancelled order needs no answer."""
    if order.placed:
        return Learned(order)
    order = replace(order, placed=True, placed_by=placed.placed_by)
    if order.cancelled:
        return Learned(order)
    evaluation = evaluate(policy, placed.subject)
    if not evaluation.steps:
        return Learned(order, events=(_not_required(placed, policy),))
    approval = _request(placed, policy, evaluation, approval_id)
    requested = _requested(approval, evaluation)
    if order.paid or policy.opens is Opening.ON_PLACEMENT:
        approval = approval.opened(now)
    return Learned(replace(order, approval_id=approval_id), approval, (requested,))


def learn_paid(order: Order, approval: Approval | None, now: datetime) -> Learned:
    """Open the first step of a paid order's approval."""
    if order.paid:
        return Learned(order, approval)
    return Learned(replace(order, paid=True), approval.opened(now) if approval else None)


def learn_cancelled(order: Order, approval: Approval | None, cancelled: Cancelled) -> Learned:
    """Withdraw what nobody need decide any more; a decision that was made stands, and is moot."""
    if order.cancelled:
        return Learned(order, approval)
    order = replace(order, cancelled=True, placed_by=order.placed_by or cancelled.placed_by)
    if approval is None or approval.state is not ApprovalState.PENDING:
        return Learned(order, approval)
    withdrawn = replace(approval, withdrawn=True)
    return Learned(order, withdrawn, (ApprovalWithdrawn(approval.about, approval.approval_id),))


def _about(order_id: str) -> About:
    return About(order_id, SubjectType.ORDER, order_id)


def _not_required(placed: Placed, policy: Policy) -> ApprovalNotRequired:
    return ApprovalNotRequired(
        about=_about(placed.order_id),
        policy_id=policy.policy_id,
        policy_version=policy.policy_version,
        terms=Terms(placed.terms_version, placed.subject.total),
    )


def _request(placed: Placed, policy: Policy, evaluation: Evaluation, approval_id: str) -> Approval:
    request = Request(
        policy_id=policy.policy_id,
        policy_version=policy.policy_version,
        matched_rules=evaluation.matched_rules,
        inputs=placed.subject,
        terms_version=placed.terms_version,
    )
    steps = tuple(Step(number, asks) for number, asks in enumerate(evaluation.steps, start=1))
    return Approval(approval_id, _about(placed.order_id), placed.placed_by, request, steps)


def _requested(approval: Approval, evaluation: Evaluation) -> ApprovalRequested:
    return ApprovalRequested(
        about=approval.about,
        approval_id=approval.approval_id,
        policy_id=approval.request.policy_id,
        policy_version=approval.request.policy_version,
        matched_rules=approval.request.matched_rules,
        terms=approval.terms,
        steps=evaluation.steps,
        longest_seconds=evaluation.longest_seconds,
    )
