"""What the domain refuses: to build, and to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import Refusal, Violation
from chassis.money import Money


class UnbalancedJournal(ValueError):
    """Entries that are no journal: fewer than two, a zero among them, or debits that differ from credits."""


class BillingRefusal(Refusal):
    """Any refusal of billing_svc."""


class NotThere(BillingRefusal):
    """There is no such invoice, payment or refund."""

    reason = "NOT_FOUND"

    def __init__(self, what: str, key: str) -> None:
        super().__init__(f"there is no {what} {key}")


class InvoiceChanged(BillingRefusal):
    """The invoice is not at the version the caller decided on."""

    reason = "VERSION_MISMATCH"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the invoice is at version {actual}, not {expected}")


class NotPayable(BillingRefusal):
    """Nothing may be paid on the invoice now."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the invoice is {state}; only one that is OPEN or PARTIALLY_PAID can be paid")


class PaymentUnderWay(BillingRefusal):
    """Another attempt may still pay the invoice."""

    reason = "ILLEGAL_STATE"

    def __init__(self, payment_id: str, state: str) -> None:
        super().__init__(
            f"payment {payment_id} of this invoice is {state}; another may begin when its outcome is known",
            hint=f"POST /v1/payments/{payment_id}/resolve asks the provider at once.",
        )


class UnknownMethod(BillingRefusal):
    """The provider takes no such payment method."""

    reason = "VALIDATION_FAILED"

    def __init__(self, known: Sequence[str]) -> None:
        violation = Violation("payment_method", "payment_method.known", f"must be one of {', '.join(known)}")
        super().__init__("there is no such payment method", violations=(violation,))


class NotVoidable(BillingRefusal):
    """Money was applied to the invoice, or it is void already."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(
            f"the invoice is {state}; only one on which nothing was paid can be voided",
            hint="Credit or refund what was paid instead, or cancel the order.",
        )


class NotOpen(BillingRefusal):
    """The outcome of the payment is known."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the payment is {state}; there is nothing to ask the provider")


class NotFailed(BillingRefusal):
    """The refund has not failed."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the refund is {state}; only one that is FAILED can be tried again")


class NotRefundable(BillingRefusal):
    """More is to be given back than what was shipped and is not credited, or than what is left of the payment."""

    reason = "NOT_REFUNDABLE"

    def __init__(self, asked: Money, left: Money) -> None:
        super().__init__(f"{_text(asked)} cannot be given back; {_text(left)} of this payment can")


class NotReceived(BillingRefusal):
    """The payment brought no money."""

    reason = "NOT_REFUNDABLE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the payment is {state}; it brought no money that could be given back")


class ForeignCurrency(BillingRefusal):
    """The amount is not in the currency of the payment."""

    reason = "VALIDATION_FAILED"

    def __init__(self, currency_code: str) -> None:
        violation = Violation("amount.currency_code", "amount.currency", f"must be {currency_code}, the payment's currency")
        super().__init__("a payment is given back in its own currency", violations=(violation,))


class NotCreditableNow(BillingRefusal):
    """Nothing of the invoice can be credited by hand."""

    reason = "ILLEGAL_STATE"

    def __init__(self, state: str) -> None:
        super().__init__(f"the invoice is {state}; nothing of it can be credited")


@dataclass(frozen=True, slots=True)
class TooMuch:
    """A line of a credit note that is asked for: its index, and how many units of it can be credited."""

    place: int
    left: int


class NotCreditable(BillingRefusal):
    """More units are to be credited than were shipped and are not credited yet."""

    reason = "NOT_CREDITABLE"

    def __init__(self, lines: Sequence[TooMuch]) -> None:
        super().__init__(
            f"{len(lines)} line(s) have less that was shipped and is not yet credited",
            violations=tuple(
                Violation(
                    f"lines[{line.place}].quantity",
                    "quantity.creditable",
                    f"must be at most {line.left}, which are shipped and not yet credited",
                )
                for line in lines
            ),
        )


def _text(money: Money) -> str:
    return f"{money.minor_units} minor units of {money.currency_code}"
