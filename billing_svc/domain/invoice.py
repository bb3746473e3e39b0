"""What was ordered, the invoice for it, and the credit note that takes it back. Invoices are never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.money import Money, total

PAYMENT_TERM = timedelta(days=14)


class InvoiceState(StrEnum):
    """Where an invoice is; always derived from its facts."""

    OPEN = "OPEN"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    VOID = "VOID"
    CREDITED = "CREDITED"


class VoidReason(StrEnum):
    """Why a person voids an invoice."""

    DUPLICATE = "DUPLICATE"
    BILLING_ERROR = "BILLING_ERROR"
    CUSTOMER_REQUEST = "CUSTOMER_REQUEST"


class CreditNoteKind(StrEnum):
    """What a credit note takes off: what was cancelled before it was shipped, or a part of the price of what was shipped."""

    CANCELLATION = "CANCELLATION"
    ALLOWANCE = "ALLOWANCE"


class CreditReason(StrEnum):
    """Why a person takes something off an invoice."""

    DAMAGED = "DAMAGED"
    RETURNED = "RETURNED"
    LATE = "LATE"
    NOT_AS_DESCRIBED = "NOT_AS_DESCRIBED"
    GOODWILL = "GOODWILL"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was placed. Rates are in basis points."""

    line_number: int
    sku: str
    quantity: int
    unit_price: Money
    discount_basis_points: int
    tax_rate_basis_points: int
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class Person:
    """Who placed an order, as his issuer knows him."""

    issuer: str
    subject: str
    username: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order costs and how it will be paid."""

    customer_id: str
    currency_code: str
    payment_method: str
    place_time: datetime
    lines: tuple[Line, ...]

    @property
    def net(self) -> Money:
        """The sum of the lines' net."""
        return total((line.net for line in self.lines), self.currency_code)

    @property
    def tax(self) -> Money:
        """The sum of the lines' tax."""
        return total((line.tax for line in self.lines), self.currency_code)


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice and what has happened to it: `paid` was applied to it, `credited` is what credit notes took off.

    `is_cancelled` means that it takes no money any more: its order was cancelled, or a person voids it for `void_reason`.
    """

    invoice_id: str
    invoice_number: str
    customer_id: str
    net: Money
    tax: Money
    paid: Money
    credited: Money
    issue_time: datetime
    due_time: datetime
    is_cancelled: bool = False
    is_void: bool = False
    void_reason: VoidReason | None = None
    void_comment: str = ""

    @property
    def total(self) -> Money:
        """Net plus tax."""
        return self.net + self.tax

    @property
    def is_credited(self) -> bool:
        """Whether all of it was credited after money had been applied."""
        return not self.is_void and not self.credited.is_zero and self.credited == self.total

    @property
    def outstanding(self) -> Money:
        """What is still owed: the receivable."""
        rest = self.total - self.paid - self.credited
        return rest.zero() if self.is_void or rest.minor_units < 0 else rest

    @property
    def wants_money(self) -> bool:
        """Whether money may still be applied to it, and some is owed."""
        return not self.is_cancelled and not self.is_void and not self.outstanding.is_zero

    @property
    def state(self) -> InvoiceState:
        """Where it is."""
        if self.is_void:
            return InvoiceState.VOID
        if self.is_credited:
            return InvoiceState.CREDITED
        if self.is_cancelled:
            return InvoiceState.CANCEL_REQUESTED
        if self.outstanding.is_zero:
            return InvoiceState.PAID
        return InvoiceState.OPEN if self.paid.is_zero else InvoiceState.PARTIALLY_PAID


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """One line of a credit note; no units where an amount is credited."""

    line_number: int
    sku: str
    quantity: int
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class LineCancellation:
    """What was cancelled of an order after a part of it was shipped: these units, with their share of the money."""

    cancellation_id: str
    lines: tuple[CreditedLine, ...]


@dataclass(frozen=True, slots=True)
class CreditNote:
    """What is taken off an invoice. `refund_id` is the first refund that gives the paid part back.

    An allowance has the `reason` for which a person issued it, and his `comment`.
    """

    credit_note_id: str
    credit_note_number: str
    invoice_id: str
    net: Money
    tax: Money
    lines: tuple[CreditedLine, ...]
    refund_id: str | None
    kind: CreditNoteKind = CreditNoteKind.CANCELLATION
    reason: CreditReason | None = None
    comment: str = ""
