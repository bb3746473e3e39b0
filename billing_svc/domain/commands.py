"""What can be asked of billing, as values."""

from __future__ import annotations

from dataclasses import dataclass

from billing_svc.domain.invoice import CreditReason, VoidReason
from chassis.money import Money


@dataclass(frozen=True, slots=True)
class PayInvoice:
    """Pay what is owed on an invoice with a method."""

    invoice_id: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class VoidInvoice:
    """Void an invoice on which nothing was paid."""

    invoice_id: str
    reason: VoidReason
    comment: str
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class CreateCreditNote:
    """Credit units that were shipped, by line number."""

    invoice_id: str
    reason: CreditReason
    comment: str
    units: dict[int, int]


@dataclass(frozen=True, slots=True)
class RefundPayment:
    """Give a part of a payment back."""

    payment_id: str
    amount: Money
    reason: CreditReason
    comment: str


@dataclass(frozen=True, slots=True)
class ResolvePayment:
    """Ask the provider now what became of a payment."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class RetryRefund:
    """Try a refund again."""

    refund_id: str
