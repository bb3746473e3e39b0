"""Approval requests: opened by facts about an order, decided by people, derived from steps and decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from workflow_svc.domain.errors import (
    AlreadyDecided,
    CommentMissing,
    HumanOnly,
    NotPending,
    RoleMissing,
    SelfApproval,
    StaleDecision,
    StepNotOpen,
    VersionMismatch,
    VotedBefore,
)
from workflow_svc.domain.events import About, ApprovalGranted, ApprovalRejected, Event, Terms
from workflow_svc.domain.person import Decider, Person
from workflow_svc.domain.policy import PolicyStep, Subject


class ApprovalState(StrEnum):
    """Where an approval is; only PENDING is not terminal."""

    PENDING = "PENDING"
    GRANTED = "GRANTED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class StepState(StrEnum):
    """Where one step is."""

    WAITING = "WAITING"
    OPEN = "OPEN"
    DECIDED = "DECIDED"
    SUPERSEDED = "SUPERSEDED"


class Verdict(StrEnum):
    """What a person decides."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """One person's decision, as it was made; `sequence` counts the decisions of the approval from 1."""

    sequence: int
    decided_by: Person
    verdict: Verdict
    comment: str
    decide_time: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what the policy asks for, until when (empty until it opens), and what was decided."""

    step_number: int
    asks: PolicyStep
    due_time: datetime | None = None
    decisions: tuple[DecisionMade, ...] = ()

    @property
    def is_rejected(self) -> bool:
        """Whether someone said no."""
        return any(decision.verdict is Verdict.REJECTED for decision in self.decisions)

    @property
    def is_approved(self) -> bool:
        """Whether enough people said yes, and nobody no."""
        return not self.is_rejected and len(self.decisions) >= self.asks.quorum

    def opened(self, now: datetime) -> Step:
        """Return the step with its deadline running; one that is open stays as it is."""
        return self if self.due_time else replace(self, due_time=now + timedelta(seconds=self.asks.deadline_seconds))


def derive(steps: tuple[Step, ...], *, withdrawn: bool) -> ApprovalState:
    """Return the state that follows from the facts: one rejection ends it, all steps approved grant it."""
    if any(step.is_rejected for step in steps):
        return ApprovalState.REJECTED
    if all(step.is_approved for step in steps):
        return ApprovalState.GRANTED
    return ApprovalState.WITHDRAWN if withdrawn else ApprovalState.PENDING


@dataclass(frozen=True, slots=True)
class Request:
    """Why an approval was requested: the pinned policy version, the rules that matched, and what they looked at."""

    policy_id: str
    policy_version: int
    matched_rules: tuple[str, ...]
    inputs: Subject
    terms_version: int


@dataclass(frozen=True, slots=True)
class Approval:
    """What people have to decide about one subject."""

    approval_id: str
    about: About
    requester: Person
    request: Request
    steps: tuple[Step, ...]
    withdrawn: bool = False

    @property
    def key(self) -> str:
        """The approval_id."""
        return self.approval_id

    @property
    def state(self) -> ApprovalState:
        """Where it is."""
        return derive(self.steps, withdrawn=self.withdrawn)

    @property
    def terms(self) -> Terms:
        """What a decision has to name."""
        return Terms(self.request.terms_version, self.request.inputs.total)

    @property
    def decisions(self) -> tuple[DecisionMade, ...]:
        """Every decision, oldest first."""
        return tuple(decision for step in self.steps for decision in step.decisions)

    @property
    def current_step(self) -> Step | None:
        """The first step that is not approved, open or not; None when the approval is not pending."""
        if self.state is not ApprovalState.PENDING:
            return None
        return next(step for step in self.steps if not step.is_approved)

    def state_of(self, step: Step) -> StepState:
        """Return where one of its steps is."""
        if step.is_rejected or step.is_approved:
            return StepState.DECIDED
        if self.state is not ApprovalState.PENDING:
            return StepState.SUPERSEDED
        return StepState.OPEN if step.due_time else StepState.WAITING

    def opened(self, now: datetime) -> Approval:
        """Return it with its current step open."""
        current = self.current_step
        return self if current is None else self._with(current.opened(now))

    def _with(self, changed: Step) -> Approval:
        return replace(self, steps=tuple(changed if s.step_number == changed.step_number else s for s in self.steps))

    def decided(self, made: DecisionMade, now: datetime) -> Approval:
        """Return it with a decision on its open step; the step after an approved one opens."""
        current = self.current_step
        if current is None:
            raise ValueError("only a pending approval can be decided")
        after = self._with(replace(current, decisions=(*current.decisions, made)))
        following = after.current_step
        return after.opened(now) if following and following.step_number != current.step_number else after


@dataclass(frozen=True, slots=True)
class Decide:
    """A person's decision as he asks for it: on which terms, and at which version he saw it (None: any)."""

    approval_id: str
    verdict: Verdict
    comment: str
    terms: Terms
    expected_version: int | None = None


def check_person(decider: Decider) -> None:
    """Refuse a decision of anything but a person."""
    if not decider.human:
        raise HumanOnly


def decide(
    approval: Approval, wanted: Decide, *, decider: Decider, version: int, now: datetime
) -> tuple[Approval, tuple[Event, ...]]:
    """Make a decision on the open step, or refuse it. The first terminal decision wins; a later one learns the state.

    `version` is the row's as it is now.
    """
    check_person(decider)
    _check_may_decide(approval, decider)
    if wanted.expected_version not in (None, version):
        raise VersionMismatch(version)
    if wanted.terms != approval.terms:
        raise StaleDecision(approval.terms.version, approval.terms.total)
    if wanted.verdict is Verdict.REJECTED and not wanted.comment.strip():
        raise CommentMissing
    sequence = len(approval.decisions) + 1
    after = approval.decided(DecisionMade(sequence, decider.person, wanted.verdict, wanted.comment, now), now)
    return after, _announce(after, decider.person)


def _check_may_decide(approval: Approval, decider: Decider) -> None:
    if decider.person.is_same_as(approval.requester):
        raise SelfApproval
    state = approval.state
    if state in (ApprovalState.GRANTED, ApprovalState.REJECTED):
        raise AlreadyDecided(state)
    step = approval.current_step
    if step is None:
        raise NotPending(state)
    if step.due_time is None:
        raise StepNotOpen(state)
    for earlier in approval.steps:
        if any(made.decided_by.is_same_as(decider.person) for made in earlier.decisions):
            raise VotedBefore(state, earlier.step_number)
    if step.asks.role not in decider.roles:
        raise RoleMissing(step.asks.role, step.step_number)


def _announce(approval: Approval, decided_by: Person) -> tuple[Event, ...]:
    if approval.state is ApprovalState.GRANTED:
        return (ApprovalGranted(approval.about, approval.approval_id, decided_by, approval.terms),)
    if approval.state is ApprovalState.REJECTED:
        return (ApprovalRejected(approval.about, approval.approval_id, decided_by, approval.terms),)
    return ()
