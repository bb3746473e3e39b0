"""The books: the chart of accounts, and one pure function for each row of the posting table.

A journal is written as moves of money from a credited to a debited account, so it balances by construction. Amounts of
entries are signed: debits positive, credits negative. Zero entries are left out; nothing left is no journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from billing_svc.domain.errors import UnbalancedJournal
from chassis.money import Money


class AccountKind(StrEnum):
    """What an account stands for."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    INCOME = "INCOME"
    CONTRA_INCOME = "CONTRA_INCOME"
    EXPENSE = "EXPENSE"


PSP_CLEARING, BANK, RECEIVABLE, DISPUTED, INVENTORY = "1000", "1010", "1100", "1150", "1200"
SALES_TAX, GOODS_RECEIVED, UNAPPLIED_CASH, REFUNDS_PAYABLE, DEFERRED_REVENUE = "2000", "2050", "2100", "2200", "2300"
SALES, ALLOWANCES, COST_OF_GOODS, PSP_FEES, BAD_DEBT, SHRINKAGE = "4000", "4200", "5000", "5100", "5200", "5300"

ACCOUNTS: Final[tuple[tuple[str, str, AccountKind], ...]] = (
    (PSP_CLEARING, "PSP clearing", AccountKind.ASSET),
    (BANK, "Bank", AccountKind.ASSET),
    (RECEIVABLE, "Accounts receivable", AccountKind.ASSET),
    (DISPUTED, "Disputed receivable", AccountKind.ASSET),
    (INVENTORY, "Inventory", AccountKind.ASSET),
    (SALES_TAX, "Sales tax payable", AccountKind.LIABILITY),
    (GOODS_RECEIVED, "Goods received not invoiced", AccountKind.LIABILITY),
    (UNAPPLIED_CASH, "Unapplied customer cash", AccountKind.LIABILITY),
    (REFUNDS_PAYABLE, "Refunds payable", AccountKind.LIABILITY),
    (DEFERRED_REVENUE, "Deferred revenue", AccountKind.LIABILITY),
    (SALES, "Sales revenue", AccountKind.INCOME),
    (ALLOWANCES, "Returns and allowances", AccountKind.CONTRA_INCOME),
    (COST_OF_GOODS, "Cost of goods sold", AccountKind.EXPENSE),
    (PSP_FEES, "PSP fees", AccountKind.EXPENSE),
    (BAD_DEBT, "Bad debt", AccountKind.EXPENSE),
    (SHRINKAGE, "Shrinkage and revaluation", AccountKind.EXPENSE),
)


class JournalKind(StrEnum):
    """What a journal records."""

    INVOICE = "INVOICE"
    PAYMENT = "PAYMENT"
    UNAPPLIED_CASH = "UNAPPLIED_CASH"
    VOID = "VOID"
    CREDIT_NOTE = "CREDIT_NOTE"
    REFUND = "REFUND"
    REVENUE = "REVENUE"
    SHIPMENT = "SHIPMENT"
    STOCK = "STOCK"
    FEE = "FEE"
    PAYOUT = "PAYOUT"


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed amount on an account, in minor units of the journal's currency."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class Move:
    """Money from the credited to the debited account; the other way where the amount is negative."""

    debit: str
    credit: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Subject:
    """What a journal is about, beside its natural key."""

    order_id: str | None = None
    invoice_id: str | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """One business fact in the books. `ref` is its natural key: the same fact is never posted twice."""

    ref: str
    kind: JournalKind
    subject: Subject
    currency_code: str
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if len(self.entries) < 2 or any(entry.amount == 0 for entry in self.entries):
            raise UnbalancedJournal(f"{self.ref}: needs at least two entries and none of zero")
        if sum(entry.amount for entry in self.entries) != 0:
            raise UnbalancedJournal(f"{self.ref}: debits differ from credits")


Journals = tuple[Journal, ...]


def invoice_issued(order_id: str, invoice_id: str, net: Money, tax: Money) -> Journals:
    """Post an invoice: the receivable against what is not earned yet and the tax."""
    moves = (Move(RECEIVABLE, DEFERRED_REVENUE, net), Move(RECEIVABLE, SALES_TAX, tax))
    return _journal(f"inv/{order_id}", JournalKind.INVOICE, Subject(order_id, invoice_id), moves)


def invoice_voided(order_id: str, invoice_id: str, net: Money, tax: Money) -> Journals:
    """Post the exact reversal of an invoice on which nothing was paid."""
    moves = (Move(DEFERRED_REVENUE, RECEIVABLE, net), Move(SALES_TAX, RECEIVABLE, tax))
    return _journal(f"void/{order_id}", JournalKind.VOID, Subject(order_id, invoice_id), moves)


def payment_received(subject: Subject, payment_id: str, received: Money, applied: int) -> Journals:
    """Post money that came in: `applied` minor units of it settle the receivable, the rest is unapplied."""
    part = Money(received.currency_code, applied)
    moves = (Move(PSP_CLEARING, RECEIVABLE, part), Move(PSP_CLEARING, UNAPPLIED_CASH, received - part))
    return _journal(f"pay/{payment_id}", JournalKind.PAYMENT, subject, moves)


def unapplied_cash_owed(subject: Subject, payment_id: str, amount: Money) -> Journals:
    """Post that unapplied money will be given back."""
    moves = (Move(UNAPPLIED_CASH, REFUNDS_PAYABLE, amount),)
    return _journal(f"unapplied/{payment_id}", JournalKind.UNAPPLIED_CASH, subject, moves)


@dataclass(frozen=True, slots=True)
class Credited:
    """The amounts of a credit note, how much of the invoice is owed before it, and the account its net is taken off."""

    net: Money
    tax: Money
    outstanding: Money
    account: str


def credit_note_issued(subject: Subject, credit_note_id: str, credited: Credited) -> Journals:
    """Post a credit note: first against what is still owed, the rest is owed back."""
    net, tax = credited.net, credited.tax
    owed = min(credited.outstanding.minor_units, net.minor_units + tax.minor_units)
    owed_net = Money(net.currency_code, min(owed, net.minor_units))
    owed_tax = Money(net.currency_code, owed - owed_net.minor_units)
    moves = (
        Move(credited.account, RECEIVABLE, owed_net),
        Move(credited.account, REFUNDS_PAYABLE, net - owed_net),
        Move(SALES_TAX, RECEIVABLE, owed_tax),
        Move(SALES_TAX, REFUNDS_PAYABLE, tax - owed_tax),
    )
    return _journal(f"cn/{credit_note_id}", JournalKind.CREDIT_NOTE, subject, moves)


def refund_succeeded(subject: Subject, refund_id: str, amount: Money) -> Journals:
    """Post that money went back."""
    moves = (Move(REFUNDS_PAYABLE, PSP_CLEARING, amount),)
    return _journal(f"refund/{refund_id}", JournalKind.REFUND, subject, moves)


def fee_charged(fee_id: str, amount: Money) -> Journals:
    """Post what the provider keeps of what came in; it is no order's, as his payouts are none's."""
    return _journal(f"fee/{fee_id}", JournalKind.FEE, Subject(), (Move(PSP_FEES, PSP_CLEARING, amount),))


def paid_out(payout_id: str, amount: Money) -> Journals:
    """Post what the provider sent to the bank."""
    return _journal(f"payout/{payout_id}", JournalKind.PAYOUT, Subject(), (Move(BANK, PSP_CLEARING, amount),))


def revenue_earned(subject: Subject, fulfillment_id: str, net: Money) -> Journals:
    """Post that a shipment earned its share of the net."""
    return _journal(f"rev/{fulfillment_id}", JournalKind.REVENUE, subject, (Move(DEFERRED_REVENUE, SALES, net),))


def stock_shipped(order_id: str, fulfillment_id: str, value: Money) -> Journals:
    """Post the cost of a shipment, in the stock's own currency."""
    moves = (Move(COST_OF_GOODS, INVENTORY, value),)
    return _journal(f"ship/{fulfillment_id}", JournalKind.SHIPMENT, Subject(order_id), moves)


def stock_received(movement_id: str, value: Money) -> Journals:
    """Post the cost of stock that came in."""
    moves = (Move(INVENTORY, GOODS_RECEIVED, value),)
    return _journal(f"stock/{movement_id}", JournalKind.STOCK, Subject(), moves)


def stock_adjusted(movement_id: str, value: Money) -> Journals:
    """Post what a correction or a revaluation of stock gained, or lost where the value is negative."""
    moves = (Move(INVENTORY, SHRINKAGE, value),)
    return _journal(f"stock/{movement_id}", JournalKind.STOCK, Subject(), moves)


def _journal(ref: str, kind: JournalKind, subject: Subject, moves: Iterable[Move]) -> Journals:
    sums: dict[str, int] = {}
    currency_code = ""
    for move in moves:
        currency_code = move.amount.currency_code
        sums[move.debit] = sums.get(move.debit, 0) + move.amount.minor_units
        sums[move.credit] = sums.get(move.credit, 0) - move.amount.minor_units
    entries = tuple(Entry(account, amount) for account, amount in sums.items() if amount)
    return (Journal(ref, kind, subject, currency_code, entries),) if entries else ()
