"""The refusals a call can end with. Each names an ErrorReason as a string; the contract says what that means on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: `field` is a path such as `lines[0].sku`, empty for the whole message."""

    field: str
    rule: str
    message: str


class Refusal(Exception):
    """A command that may not happen. Nothing was changed.

    `reason` is the name of an ErrorReason without its prefix; `detail` is shown to the caller, so it never holds
    secrets; `hint` says what would help here, beyond the reason's general remedy; `retry_after` is in seconds.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self, detail: str, *, hint: str = "", violations: tuple[Violation, ...] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.violations = violations
        self.retry_after = retry_after


class Unauthenticated(Refusal):
    """No token, or one that does not verify; the detail never says which check failed."""

    reason = "UNAUTHENTICATED"


class InsufficientScope(Refusal):
    """The caller lacks a scope or a role."""

    reason = "INSUFFICIENT_SCOPE"


class HumanOnly(Refusal):
    """A service account asked for what only a person may do."""

    reason = "HUMAN_ONLY"


class NotFound(Refusal):
    """The resource is absent, or belongs to someone else."""

    reason = "NOT_FOUND"


class ValidationFailed(Refusal):
    """The request was read, but breaks a rule that only the decision can check."""

    reason = "VALIDATION_FAILED"


class IdempotencyKeyRequired(Refusal):
    """The call has an effect and carries no usable idempotency key."""

    reason = "IDEMPOTENCY_KEY_REQUIRED"


class IdempotencyKeyReused(Refusal):
    """The idempotency key was used with another body."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyKeyInProgress(Refusal):
    """The first call with this idempotency key has not finished."""

    reason = "IDEMPOTENCY_KEY_IN_PROGRESS"


class VersionMismatch(Refusal):
    """The resource is not at the version the caller decided on."""

    reason = "VERSION_MISMATCH"


class IllegalState(Refusal):
    """The resource is in a state that does not allow the command."""

    reason = "ILLEGAL_STATE"


class AlreadyExists(Refusal):
    """The caller named something that exists."""

    reason = "ALREADY_EXISTS"


class InvalidPageToken(Refusal):
    """The page token was altered, or belongs to another list, filter or caller."""

    reason = "INVALID_PAGE_TOKEN"


class Overloaded(Refusal):
    """A bounded queue is full."""

    reason = "OVERLOADED"


class Unavailable(Refusal):
    """A part the call needs is away."""

    reason = "UNAVAILABLE"


class Poison(Exception):
    """A message that can never be handled: undecodable, or breaking its own contract."""


class Conflict(Exception):
    """Another transaction made the same new row first; the whole unit is tried again."""
