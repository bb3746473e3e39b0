"""What workflow_svc tells the others."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.money import Money
from workflow_svc.domain.person import Person
from workflow_svc.domain.policy import PolicyStep, SubjectType


@dataclass(frozen=True, slots=True)
class About:
    """What an event is about; of an order the subject_id is the order_id."""

    order_id: str
    subject_type: SubjectType
    subject_id: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a decision is made on."""

    version: int
    total: Money


@dataclass(frozen=True, slots=True)
class ApprovalNotRequired:
    """Nobody has to decide."""

    about: About
    policy_id: str
    policy_version: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """People have to decide."""

    about: About
    approval_id: str
    policy_id: str
    policy_version: int
    matched_rules: tuple[str, ...]
    terms: Terms
    steps: tuple[PolicyStep, ...]
    longest_seconds: int


@dataclass(frozen=True, slots=True)
class ApprovalGranted:
    """Everyone who had to has approved; `decided_by` gave the last approval that was needed."""

    about: About
    approval_id: str
    decided_by: Person
    terms: Terms


@dataclass(frozen=True, slots=True)
class ApprovalRejected:
    """Someone rejected it."""

    about: About
    approval_id: str
    decided_by: Person
    terms: Terms


@dataclass(frozen=True, slots=True)
class ApprovalWithdrawn:
    """The subject is gone."""

    about: About
    approval_id: str


Event = ApprovalNotRequired | ApprovalRequested | ApprovalGranted | ApprovalRejected | ApprovalWithdrawn
