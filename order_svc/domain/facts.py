"""What other services said about an order. Each fact joins into what is known; none is ever taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from chassis.money import Money


class Stock(IntEnum):
    """How far the reservation has come; joins upwards."""

    AWAITED = 0
    BACKORDERED = 1
    RESERVED = 2


class Attempt(IntEnum):
    """How far one payment attempt has come; joins upwards, so success beats failure."""

    PENDING = 1
    UNKNOWN = 2
    FAILED = 3
    SUCCEEDED = 4


class Approval(StrEnum):
    """What workflow has said. The first terminal value wins."""

    AWAITED = "AWAITED"
    PENDING = "PENDING"
    NOT_REQUIRED = "NOT_REQUIRED"
    GRANTED = "GRANTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return self not in (Approval.AWAITED, Approval.PENDING)


class Outcome(StrEnum):
    """How billing closed a cancelled order."""

    NEVER_ISSUED = "NEVER_ISSUED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"
    REFUND_FAILED = "REFUND_FAILED"


@dataclass(frozen=True, slots=True)
class Reserved:
    """Everything is held for the order."""


@dataclass(frozen=True, slots=True)
class Backordered:
    """Some of it is missing."""


@dataclass(frozen=True, slots=True)
class UnknownItem:
    """Inventory does not know one of the SKUs."""


@dataclass(frozen=True, slots=True)
class Released:
    """Inventory answered the cancellation: what was held is back."""


@dataclass(frozen=True, slots=True)
class InvoiceIssued:
    """Billing issued the invoice."""


@dataclass(frozen=True, slots=True)
class InvoiceVoided:
    """Billing voided the invoice."""


@dataclass(frozen=True, slots=True)
class PaymentMoved:
    """One attempt has come to somewhere. `payment_id` is empty for a total of 0."""

    attempt_number: int
    attempt: Attempt
    payment_id: str = ""
    invoice_paid: bool = False
    exception_id: str = ""
    """Set by a final failure."""


@dataclass(frozen=True, slots=True)
class ApprovalMoved:
    """Workflow answered, or decided. `longest_seconds` is the sum of its deadlines."""

    approval: Approval
    longest_seconds: int = 0


@dataclass(frozen=True, slots=True)
class BillingClosed:
    """Billing's side of a cancellation came to rest, got stuck, or changed again."""

    outcome: Outcome
    revision: int
    payment_ids: frozenset[str] = frozenset()
    refunded: tuple[Money, ...] = ()


Fact = (
    Reserved
    | Backordered
    | UnknownItem
    | Released
    | InvoiceIssued
    | InvoiceVoided
    | PaymentMoved
    | ApprovalMoved
    | BillingClosed
)


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known of an order from outside."""

    stock: Stock = Stock.AWAITED
    unknown_item: bool = False
    released: bool = False
    invoiced: bool = False
    voided: bool = False
    paid: bool = False
    attempts: tuple[tuple[int, Attempt], ...] = ()
    """By attempt number."""
    payment_ids: frozenset[str] = frozenset()
    """Of every payment that succeeded."""
    failed: frozenset[str] = frozenset()
    """Payment exceptions that wait for a person."""
    approval: Approval = Approval.AWAITED
    longest_seconds: int = 0
    closed: BillingClosed | None = None

    @property
    def says_billing(self) -> bool:
        """Whether billing has said anything: then stock was there, whatever has been read of it."""
        return bool(self.invoiced or self.voided or self.attempts or self.payment_ids or self.paid or self.closed)

    def learn(self, fact: Fact) -> Known:
        """Join a fact; the same fact again changes nothing, and the order of facts does not matter."""
        match fact:
            case Reserved():
                return replace(self, stock=Stock.RESERVED)
            case Backordered():
                return replace(self, stock=max(self.stock, Stock.BACKORDERED))
            case UnknownItem():
                return replace(self, unknown_item=True)
            case Released():
                return replace(self, released=True)
            case InvoiceIssued():
                return replace(self, invoiced=True)
            case InvoiceVoided():
                return replace(self, voided=True)
            case PaymentMoved():
                return self._payment(fact)
            case ApprovalMoved():
                return self._approval(fact)
            case BillingClosed():
                newer = self.closed is None or fact.revision > self.closed.revision
                return replace(self, closed=fact) if newer else self

    def _payment(self, fact: PaymentMoved) -> Known:
        attempts = dict(self.attempts)
        attempts[fact.attempt_number] = max(fact.attempt, attempts.get(fact.attempt_number, fact.attempt))
        succeeded = fact.attempt is Attempt.SUCCEEDED and fact.payment_id
        return replace(
            self,
            paid=self.paid or fact.invoice_paid,
            attempts=tuple(sorted(attempts.items())),
            payment_ids=self.payment_ids | {fact.payment_id} if succeeded else self.payment_ids,
            failed=self.failed | {fact.exception_id} if fact.exception_id else self.failed,
        )

    def _approval(self, fact: ApprovalMoved) -> Known:
        approval = self.approval if self.approval.is_terminal else fact.approval
        if fact.approval is Approval.PENDING and self.approval is not Approval.AWAITED:
            approval = self.approval
        return replace(self, approval=approval, longest_seconds=max(self.longest_seconds, fact.longest_seconds))


NOTHING_KNOWN = Known()
