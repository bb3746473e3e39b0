"""What billing tells the others. Each says what happened to one order."""

from __future__ import annotations

from dataclasses import dataclass

from billing_svc.domain.closed import Closing
from billing_svc.domain.invoice import CreditNote, Invoice, InvoiceState, Person, VoidReason
from billing_svc.domain.payment import Attempt, FailureReason
from billing_svc.domain.refund import Refund
from chassis.money import Money


@dataclass(frozen=True, slots=True)
class InvoiceCreated:
    """An invoice was issued."""

    order_id: str
    invoice: Invoice


@dataclass(frozen=True, slots=True)
class PaymentPending:
    """The provider works on an attempt."""

    order_id: str
    invoice_id: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class PaymentUnknown:
    """The provider did not answer an attempt; its outcome is being asked for."""

    order_id: str
    invoice_id: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class PaymentSucceeded:
    """Money came in. `attempt` is None where the total is 0 and nothing had to be paid."""

    order_id: str
    invoice_id: str
    attempt: Attempt | None
    amount: Money
    applied: Money
    outstanding: Money
    invoice_state: InvoiceState


@dataclass(frozen=True, slots=True)
class PaymentFailed:
    """An attempt failed. Another follows at its next_attempt_time; without one, people have to decide: its exception_id."""

    order_id: str
    invoice_id: str
    attempt: Attempt
    reason: FailureReason
    outstanding: Money


@dataclass(frozen=True, slots=True)
class InvoiceVoided:
    """An invoice was voided before money was applied: by a person, or because its order was cancelled."""

    order_id: str
    invoice_id: str
    reason: VoidReason | None


@dataclass(frozen=True, slots=True)
class CreditNoteIssued:
    """A credit note was issued."""

    order_id: str
    credit_note: CreditNote


@dataclass(frozen=True, slots=True)
class RefundRequested:
    """Money is owed back and will be sent."""

    order_id: str
    refund: Refund
    requester: Person | None = None


@dataclass(frozen=True, slots=True)
class RefundSucceeded:
    """Money is back."""

    order_id: str
    refund: Refund


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """Money could not be given back in any try."""

    order_id: str
    refund: Refund


@dataclass(frozen=True, slots=True)
class OrderBillingClosed:
    """Billing's side of a cancelled order came to rest, got stuck, or changed again."""

    order_id: str
    closing: Closing


@dataclass(frozen=True, slots=True)
class LedgerHeadSealed:
    """The chain over the ledger has grown. `sequence` is the place of its last seal, `head_hash` that one's hash, in hex."""

    ledger: str
    sequence: int
    head_hash: str


Event = (
    InvoiceCreated
    | PaymentPending
    | PaymentUnknown
    | PaymentSucceeded
    | PaymentFailed
    | InvoiceVoided
    | CreditNoteIssued
    | RefundRequested
    | RefundSucceeded
    | RefundFailed
    | OrderBillingClosed
    | LedgerHeadSealed
)
