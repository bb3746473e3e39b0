"""Approval policies: rules that say, for a subject, who has to decide in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chassis.money import Money


class SubjectType(StrEnum):
    """What an approval is about."""

    ORDER = "ORDER"
    REFUND = "REFUND"
    PAYMENT_EXCEPTION = "PAYMENT_EXCEPTION"
    STOCK_ADJUSTMENT = "STOCK_ADJUSTMENT"


class Opening(StrEnum):
    """When the first step may be decided and its deadline starts."""

    AFTER_PAYMENT = "AFTER_PAYMENT"
    ON_PLACEMENT = "ON_PLACEMENT"


class TimeoutAction(StrEnum):
    """What happens when nobody decides in time; never a silent approval."""

    ESCALATE = "ESCALATE"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a policy looks at. `discount_basis_points` is the largest discount of a line."""

    total: Money
    discount_basis_points: int
    customer_id: str


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule applies: everything that is given has to hold; no customers means any."""

    total_at_least: Money | None = None
    discount_basis_points_at_least: int | None = None
    customer_ids: tuple[str, ...] = ()

    def holds_beside_amount(self, subject: Subject) -> bool:
        """Whether everything but the amount holds."""
        least = self.discount_basis_points_at_least
        discounted = least is None or subject.discount_basis_points >= least
        return discounted and (not self.customer_ids or subject.customer_id in self.customer_ids)

    def amount_holds(self, total: Money) -> bool:
        """Whether the amount holds; another currency is not comparable, so it does not."""
        least = self.total_at_least
        if least is None:
            return True
        return total.currency_code == least.currency_code and total.minor_units >= least.minor_units


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """Who has to decide, how many of them, and how long they have (seconds from the opening of the step)."""

    role: str
    quorum: int
    deadline_seconds: int
    on_timeout: TimeoutAction
    reminder_seconds: tuple[int, ...] = ()
    escalate_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.quorum < 1 or self.deadline_seconds < 1:
            raise ValueError("a step needs a quorum and a deadline")

    @property
    def longest_seconds(self) -> int:
        """How long the step can take at most, with every escalation."""
        escalations = len(self.escalate_to) if self.on_timeout is TimeoutAction.ESCALATE else 0
        return self.deadline_seconds * (1 + escalations)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and the steps it asks for."""

    name: str
    when: Condition
    steps: tuple[PolicyStep, ...]

    @property
    def strictness(self) -> tuple[int, int]:
        """How much the rule asks for: steps, then people."""
        return len(self.steps), sum(step.quorum for step in self.steps)


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy; versions never change."""

    policy_id: str
    policy_version: int
    subject_type: SubjectType
    opens: Opening
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a policy says about a subject: the rules that apply, and their steps united. No steps: nobody decides."""

    matched_rules: tuple[str, ...]
    steps: tuple[PolicyStep, ...]

    @property
    def longest_seconds(self) -> int:
        """How long it can take once it is open: the sum of all step and escalation deadlines."""
        return sum(step.longest_seconds for step in self.steps)


def evaluate(policy: Policy, subject: Subject) -> Evaluation:
    """Apply every rule that matches; in a currency that no amount rule names, the strictest amount rule matches."""
    strictest = _strictest_for_unnamed_currency(policy.rules, subject)
    matched = [
        rule
        for rule in policy.rules
        if rule.when.holds_beside_amount(subject) and (rule.when.amount_holds(subject.total) or rule is strictest)
    ]
    return Evaluation(tuple(rule.name for rule in matched), unite(step for rule in matched for step in rule.steps))


def _strictest_for_unnamed_currency(rules: Iterable[Rule], subject: Subject) -> Rule | None:
    amount_rules = [rule for rule in rules if rule.when.total_at_least is not None]
    named = {rule.when.total_at_least.currency_code for rule in amount_rules if rule.when.total_at_least}
    if subject.total.currency_code in named:
        return None
    candidates = [rule for rule in amount_rules if rule.when.holds_beside_amount(subject)]
    return max(candidates, key=lambda rule: rule.strictness, default=None)


def unite(steps: Iterable[PolicyStep]) -> tuple[PolicyStep, ...]:
    """Keep one step per role, where the role came first, with the largest quorum."""
    by_role: dict[str, PolicyStep] = {}
    for step in steps:
        known = by_role.get(step.role)
        if known is None or step.quorum > known.quorum:
            by_role[step.role] = step
    return tuple(by_role.values())
