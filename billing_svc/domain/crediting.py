"""Taking back what was invoiced: a credit note, and refunds of what is paid too much then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from billing_svc.domain import ledger
from billing_svc.domain.events import CreditNoteIssued
from billing_svc.domain.invoice import CreditedLine, CreditNote, CreditNoteKind, CreditReason, Person
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.refund import RefundReason
from billing_svc.domain.refunding import request_refund
from chassis.money import Money, total


@dataclass(frozen=True, slots=True)
class Note:
    """A credit note that is to be issued. An allowance has a reason and may have a comment."""

    credit_note_id: str
    credit_note_number: str
    lines: tuple[CreditedLine, ...]
    kind: CreditNoteKind = CreditNoteKind.CANCELLATION
    reason: CreditReason | None = None
    comment: str = ""


def credit(account: OrderAccount, note: Note, give_back: Callable[[OrderAccount], Change]) -> Change:
    """Issue a credit note, and give money back by a step that sees the invoice as it is then. The account has an invoice."""
    before = account.invoice
    assert before is not None, "only what was invoiced is credited"  # noqa: S101 - narrows the type
    currency = before.total.currency_code
    net = total((line.net for line in note.lines), currency)
    tax = total((line.tax for line in note.lines), currency)
    invoice = replace(before, credited=before.credited + net + tax)
    refunds = give_back(replace(account, invoice=invoice))
    issued = CreditNote(
        credit_note_id=note.credit_note_id,
        credit_note_number=note.credit_note_number,
        invoice_id=invoice.invoice_id,
        net=net,
        tax=tax,
        lines=note.lines,
        refund_id=next((refund.refund_id for refund in refunds.account.refunds[len(account.refunds) :]), None),
        kind=note.kind,
        reason=note.reason,
        comment=note.comment,
    )
    off = ledger.ALLOWANCES if note.kind is CreditNoteKind.ALLOWANCE else ledger.DEFERRED_REVENUE
    posted = ledger.credit_note_issued(account.subject, note.credit_note_id, ledger.Credited(net, tax, before.outstanding, off))
    return Change(
        replace(refunds.account, credit_notes=(*account.credit_notes, issued)),
        (CreditNoteIssued(account.order_id, issued), *refunds.events),
        (*posted, *refunds.journals),
    )


def refund_overpaid(reason: RefundReason, moment: Moment, requester: Person | None = None) -> Callable[[OrderAccount], Change]:
    """Return the step that gives back what is paid too much: of each payment what is left of it, the oldest first."""

    def step(account: OrderAccount) -> Change:
        refunds, left = Change(account), _overpaid(account)
        currency = account.invoice.total.currency_code if account.invoice else ""
        for attempt in account.attempts:
            units = min(left, account.refundable(attempt))
            left -= units
            refunds = refunds.then(request_refund(attempt, Money(currency, units), reason, moment, requester))
        return refunds

    return step


def _overpaid(account: OrderAccount) -> int:
    if account.invoice is None:
        return 0
    kept = sum(account.refundable(attempt) for attempt in account.attempts)
    return max(0, kept - (account.invoice.total.minor_units - account.invoice.credited.minor_units))
