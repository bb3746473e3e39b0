"""Taking something off what was shipped: by units of a line, or by an amount of a payment. Never more than was shipped.

The parts of a line add up to it exactly: each takes its share rounded half to even, and whoever takes the last takes the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from billing_svc.domain.crediting import Note, credit, refund_overpaid
from billing_svc.domain.errors import (
    ForeignCurrency,
    NotCreditable,
    NotCreditableNow,
    NotReceived,
    NotRefundable,
    NotThere,
    TooMuch,
)
from billing_svc.domain.invoice import CreditedLine, CreditNoteKind, CreditReason, Person
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.paying import invoice_of
from billing_svc.domain.payment import Attempt
from billing_svc.domain.refund import RefundReason
from billing_svc.domain.refunding import request_refund
from chassis.money import Money, half_even


@dataclass(frozen=True, slots=True)
class Why:
    """Who takes something off, and why."""

    reason: CreditReason
    comment: str
    requester: Person


@dataclass(slots=True)
class _Shipped:
    """What was shipped of a line, in units and minor units, and how much of that is not credited yet."""

    sku: str
    quantity: int = 0
    net: int = 0
    tax: int = 0
    quantity_left: int = 0
    net_left: int = 0
    tax_left: int = 0

    def add(self, line: CreditedLine) -> None:
        self.quantity += line.quantity
        self.net += line.net.minor_units
        self.tax += line.tax.minor_units
        self.take(-line.quantity, -line.net.minor_units, -line.tax.minor_units)

    def take(self, quantity: int, net: int, tax: int) -> None:
        self.quantity_left -= quantity
        self.net_left -= net
        self.tax_left -= tax

    @property
    def left(self) -> int:
        return self.net_left + self.tax_left


def credit_units(
    account: OrderAccount, units: dict[int, int], credit_note_number: str, why: Why, moment: Moment
) -> tuple[Change, str]:
    """Credit units by line number, in the order asked for, and give back what is paid too much then: oldest payment first.

    Returns the change and the credit note's id. NotCreditable where more is asked for than was shipped and is not credited.
    """
    shipped = _open_lines(account)
    too_much = [
        TooMuch(place, shipped[number].quantity_left if number in shipped else 0)
        for place, (number, quantity) in enumerate(units.items())
        if number not in shipped or quantity > shipped[number].quantity_left
    ]
    if too_much:
        raise NotCreditable(too_much)
    currency = invoice_of(account).total.currency_code
    lines = tuple(_units(number, shipped[number], quantity, currency) for number, quantity in sorted(units.items()))
    note = _note(credit_note_number, lines, why, moment)
    give_back = refund_overpaid(RefundReason.ALLOWANCE, moment, why.requester)
    return credit(account, note, give_back), note.credit_note_id


def refund(
    account: OrderAccount, payment_id: str, amount: Money, credit_note_number: str, why: Why, moment: Moment
) -> tuple[Change, str]:
    """Give a part of a payment back, and credit as much of what was shipped. Returns the change and the refund's id.

    NotReceived, ForeignCurrency, or NotRefundable where it is more than can be given back.
    """
    attempt = account.attempt(payment_id)
    if attempt is None:
        raise NotThere("payment", payment_id)
    if attempt.received is None:
        raise NotReceived(attempt.state)
    if amount.currency_code != attempt.received.currency_code:
        raise ForeignCurrency(attempt.received.currency_code)
    shipped = _open_lines(account)
    left = _refundable(account, attempt, shipped)
    if amount.minor_units > left:
        raise NotRefundable(amount, Money(amount.currency_code, left))
    lines = tuple(_amounts(shipped, amount))
    note = _note(credit_note_number, lines, why, moment)
    change = credit(account, note, request_refund(attempt, amount, RefundReason.ALLOWANCE, moment, why.requester))
    return change, change.account.refunds[-1].refund_id


def _refundable(account: OrderAccount, attempt: Attempt, shipped: dict[int, _Shipped]) -> int:
    """What can be given back of a payment: what is left of it, up to what was shipped, is not credited, and was paid."""
    creditable = sum(line.left for line in shipped.values()) - invoice_of(account).outstanding.minor_units
    return max(0, min(account.refundable(attempt), creditable))


def _open_lines(account: OrderAccount) -> dict[int, _Shipped]:
    """Return what was shipped, by line number; NotCreditableNow where nothing of the invoice can be credited by hand."""
    invoice = invoice_of(account)
    if invoice.is_cancelled or invoice.is_void:
        raise NotCreditableNow(invoice.state)
    lines: dict[int, _Shipped] = {}
    for line in (line for shipment in account.shipments for line in shipment.lines):
        lines.setdefault(line.line_number, _Shipped(line.sku)).add(line)
    for note in account.credit_notes:
        if note.kind is CreditNoteKind.ALLOWANCE:
            for line in note.lines:
                lines[line.line_number].take(line.quantity, line.net.minor_units, line.tax.minor_units)
    return lines


def _units(number: int, line: _Shipped, quantity: int, currency: str) -> CreditedLine:
    """Take units of a line; whoever takes the last ones takes what is left of its money."""
    if quantity == line.quantity_left:
        net, tax = line.net_left, line.tax_left
    else:
        net = min(line.net_left, half_even(line.net * quantity, line.quantity))
        tax = min(line.tax_left, half_even(line.tax * quantity, line.quantity))
    return CreditedLine(number, line.sku, quantity, Money(currency, net), Money(currency, tax))


def _amounts(lines: dict[int, _Shipped], amount: Money) -> Iterator[CreditedLine]:
    """Take an amount off the lines, the first ones first, with the tax that is in it; no units are taken."""
    rest = amount.minor_units
    for number, line in sorted(lines.items()):
        part = min(rest, line.left)
        if part:
            net = half_even(line.net_left * part, line.left)
            rest -= part
            yield CreditedLine(number, line.sku, 0, Money(amount.currency_code, net), Money(amount.currency_code, part - net))


def _note(number: str, lines: tuple[CreditedLine, ...], why: Why, moment: Moment) -> Note:
    return Note(moment.new_id(), number, lines, CreditNoteKind.ALLOWANCE, why.reason, why.comment)
