"""Why workflow_svc refuses a command."""

from __future__ import annotations

from chassis.errors import Refusal, Violation
from chassis.money import Money


class WorkflowRefusal(Refusal):
    """A decision that may not be made."""


class ApprovalNotFound(WorkflowRefusal):
    """There is no such approval."""

    reason = "NOT_FOUND"

    def __init__(self, approval_id: str) -> None:
        super().__init__(f"there is no approval {approval_id}")
        self.approval_id = approval_id


class PolicyNotFound(WorkflowRefusal):
    """There is no such policy."""

    reason = "NOT_FOUND"

    def __init__(self, policy_id: str) -> None:
        super().__init__(f"there is no approval policy {policy_id}")
        self.policy_id = policy_id


class HumanOnly(WorkflowRefusal):
    """A service account wants to decide."""

    reason = "HUMAN_ONLY"

    def __init__(self) -> None:
        super().__init__("a service account never decides; sign in as a person")


class SelfApproval(WorkflowRefusal):
    """The requester wants to decide."""

    reason = "SELF_APPROVAL"

    def __init__(self) -> None:
        super().__init__("you asked for this yourself, so another person has to decide")


class AlreadyDecided(WorkflowRefusal):
    """The request is decided."""

    reason = "ALREADY_DECIDED"

    def __init__(self, state: str) -> None:
        super().__init__(f"the approval is {state}")
        self.state = state


class VotedBefore(WorkflowRefusal):
    """The person has decided another step, or this one."""

    reason = "ALREADY_DECIDED"

    def __init__(self, state: str, step_number: int) -> None:
        super().__init__(f"you have decided step {step_number}; another person has to decide. The approval is {state}")
        self.state = state
        self.step_number = step_number


class NotPending(WorkflowRefusal):
    """The request ended without a decision."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the approval is {state}; nobody need decide any more")
        self.state = state


class StepNotOpen(WorkflowRefusal):
    """No step is open yet."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the approval is {state} and its first step is not open yet; it opens when the order is paid")
        self.state = state


class RoleMissing(WorkflowRefusal):
    """The person lacks the role of the open step."""

    reason = "INSUFFICIENT_SCOPE"

    def __init__(self, role: str, step_number: int) -> None:
        super().__init__(f"step {step_number} is open and needs the role {role}")
        self.role = role
        self.step_number = step_number


class StaleDecision(WorkflowRefusal):
    """The decision names other terms than the current ones."""

    reason = "STALE_DECISION"

    def __init__(self, terms_version: int, total: Money) -> None:
        current = f"terms_version {terms_version}, total {total.minor_units} minor units of {total.currency_code}"
        super().__init__(f"the approval is about {current}; decide on these")
        self.terms_version = terms_version
        self.total = total


class VersionMismatch(WorkflowRefusal):
    """The approval has changed since it was read."""

    reason = "VERSION_MISMATCH"

    def __init__(self, version: int) -> None:
        super().__init__(f"the approval is at version {version}")
        self.version = version


class CommentMissing(WorkflowRefusal):
    """A rejection does not say why."""

    reason = "VALIDATION_FAILED"

    def __init__(self) -> None:
        broken = Violation("comment", "string.min_len", "a rejection has to say why")
        super().__init__("1 rule(s) broken: comment", violations=(broken,))


class OtherSubject(WorkflowRefusal):
    """A policy is asked about something that it does not decide on."""

    reason = "VALIDATION_FAILED"

    def __init__(self, policy_id: str, asked: str, decides_on: str) -> None:
        what = f"must be {decides_on}, which {policy_id} is about, or left out"
        broken = Violation("subject_type", "subject_type.of_policy", what)
        super().__init__(f"{policy_id} decides on {decides_on}, not on {asked}", violations=(broken,))
