"""How billing's side of a cancellation, of an order or of what remained of it, comes to rest, and what it then answers."""

from __future__ import annotations

from dataclasses import replace

from billing_svc.domain import ledger
from billing_svc.domain.closed import Closing, ClosingOutcome
from billing_svc.domain.events import InvoiceVoided, OrderBillingClosed
from billing_svc.domain.order_account import Change, OrderAccount


def settle(account: OrderAccount) -> Change:
    """Void what no money went to once no attempt is open, and answer the cancellation whenever the answer is a new one."""
    if account.is_cancelled:
        return _void(account).then(_close)
    if account.invoice is not None and account.invoice.is_cancelled:
        return _void(account)
    return _close(account) if account.cancellations and not account.uncredited else Change(account)


def _void(account: OrderAccount) -> Change:
    invoice = account.invoice
    if invoice is None or invoice.is_void or not invoice.paid.is_zero or account.has_open_attempt:
        return Change(account)
    return Change(
        replace(account, invoice=replace(invoice, is_void=True)),
        (InvoiceVoided(account.order_id, invoice.invoice_id, invoice.void_reason),),
        ledger.invoice_voided(account.order_id, invoice.invoice_id, invoice.net, invoice.tax),
    )


def _close(account: OrderAccount) -> Change:
    if not account.is_at_rest:
        return Change(account)
    closing = Closing(
        outcome=_outcome(account),
        revision=account.closing.revision + 1 if account.closing else 1,
        payment_ids=tuple(attempt.payment_id for attempt in account.attempts if attempt.received is not None),
        received=account.received,
        refunded=account.refunded,
    )
    if closing.says_the_same_as(account.closing):
        return Change(account)
    return Change(replace(account, closing=closing), (OrderBillingClosed(account.order_id, closing),))


def _outcome(account: OrderAccount) -> ClosingOutcome:
    if account.invoice is None:
        return ClosingOutcome.NEVER_ISSUED
    if any(refund.is_failed and not refund.is_succeeded for refund in account.refunds):
        return ClosingOutcome.REFUND_FAILED
    return ClosingOutcome.VOIDED if account.is_cancelled and not account.received else ClosingOutcome.REFUNDED
