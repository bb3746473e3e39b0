"""What the provider tells by himself, compared with what we know. Nothing is believed of a payment that is not as we asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.provider_call import Answer
from chassis.money import Money


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why nothing follows from a message: its field, and the rule that it breaks."""

    field: str
    rule: str


UNREADABLE = Mismatch("data", "data.readable")


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """What became of a payment, and what it was about: the order, and the amount that was asked for (None if unknown)."""

    payment_id: str
    reference: str | None
    asked: Money | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class RefundReport:
    """What became of a refund, and what it was about."""

    refund_id: str
    payment_id: str
    amount: Money
    answer: Answer


@dataclass(frozen=True, slots=True)
class FeeReport:
    """What the provider keeps of a payment."""

    fee_id: str
    payment_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class PayoutReport:
    """What the provider sent to the bank."""

    payout_id: str
    amount: Money


Report = PaymentReport | RefundReport | FeeReport | PayoutReport


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a provider, kept for ever: under its own id it is never applied a second time.

    `report` is None where it is of a kind that nothing follows from. `mismatch` says why it was refused.
    """

    provider: str
    message_id: str
    kind: str
    body: str
    report: Report | None = None
    mismatch: Mismatch | None = None

    @property
    def key(self) -> str:
        """What makes it unique: the provider and his id."""
        return f"{self.provider}/{self.message_id}"

    def refused(self, mismatch: Mismatch | None) -> Message:
        """Return the message with the reason for which nothing follows from it."""
        return replace(self, mismatch=mismatch)


def compare_payment(account: OrderAccount | None, report: PaymentReport) -> Mismatch | None:
    """Compare a report with the attempt that it names; None where it is about what we asked for."""
    attempt = account.attempt(report.payment_id) if account else None
    if account is None or attempt is None:
        return Mismatch("data.key", "key.known")
    if report.reference is not None and report.reference != account.order_id:
        return Mismatch("data.reference", "reference.matches")
    if report.asked is not None and report.asked.currency_code != attempt.amount.currency_code:
        return Mismatch("data.currency_code", "currency.matches")
    if report.asked is not None and report.asked != attempt.amount:
        return Mismatch("data.minor_units", "amount.matches")
    return None


def compare_refund(account: OrderAccount | None, report: RefundReport) -> Mismatch | None:
    """Compare a report with the refund that it names."""
    refund = account.refund(report.refund_id) if account else None
    if refund is None:
        return Mismatch("data.key", "key.known")
    if report.payment_id != refund.payment_id:
        return Mismatch("data.intent_key", "reference.matches")
    if report.amount.currency_code != refund.amount.currency_code:
        return Mismatch("data.currency_code", "currency.matches")
    return None if report.amount == refund.amount else Mismatch("data.minor_units", "amount.matches")
