"""The four facts that a client sees, derived from everything that is known (domain.md, Order)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from order_svc.domain.facts import Attempt, Known, Outcome

_PAYMENTS = {
    Attempt.PENDING: "PENDING",
    Attempt.UNKNOWN: "UNKNOWN",
    Attempt.FAILED: "FAILED",
    Attempt.SUCCEEDED: "PAID",
}


@dataclass(frozen=True, slots=True)
class ShownFacts:
    """The facts by the names of the contract."""

    reservation: str
    invoice: str
    payment: str
    approval: str


def show(known: Known, *, is_kept: bool = False) -> ShownFacts:
    """Say what is known in the client's terms.

    Of an order of which something was shipped (`is_kept`) the facts are about what was sold: it stays reserved, invoiced
    and paid; how far the cancellation of the rest is made good is its settlement (ADR 0023).
    """
    if is_kept:
        known = replace(known, released=False, closed=None)
    return ShownFacts(_reservation(known), _invoice(known), _payment(known), known.approval.value)


def _reservation(known: Known) -> str:
    if known.unknown_item:
        return "UNKNOWN_ITEM"
    return "RELEASED" if known.released else known.stock.name


def _invoice(known: Known) -> str:
    if known.voided:
        return "VOID"
    if known.closed is not None and known.closed.outcome in (Outcome.REFUNDED, Outcome.REFUND_FAILED):
        return "CREDITED"
    if known.paid:
        return "PAID"
    return "OPEN" if known.invoiced else "AWAITED"


def _payment(known: Known) -> str:
    if known.payment_ids and known.closed is not None and known.closed.outcome is Outcome.REFUNDED:
        return "REFUNDED"
    if known.paid:
        return "PAID"
    return _PAYMENTS[known.attempts[-1][1]] if known.attempts else "AWAITED"
