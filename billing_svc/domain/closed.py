"""Billing's answer to a cancellation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chassis.money import Money


class ClosingOutcome(StrEnum):
    """How billing's side of a cancelled order, or of what was cancelled of it, ended."""

    NEVER_ISSUED = "NEVER_ISSUED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"
    REFUND_FAILED = "REFUND_FAILED"


@dataclass(frozen=True, slots=True)
class Closing:
    """An answer. A later one has a higher revision and replaces it; amounts are one a currency, by code."""

    outcome: ClosingOutcome
    revision: int
    payment_ids: tuple[str, ...] = ()
    received: tuple[Money, ...] = ()
    refunded: tuple[Money, ...] = ()

    def says_the_same_as(self, other: Closing | None) -> bool:
        """Whether another answer, of whatever revision, says the same."""
        return other is not None and replace(other, revision=self.revision) == self
