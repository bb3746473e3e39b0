"""All that billing knows of one order: facts, kept and locked as one, from which every state follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from billing_svc.domain.closed import Closing
from billing_svc.domain.events import Event
from billing_svc.domain.invoice import CreditedLine, CreditNote, Invoice, LineCancellation, Person, Terms
from billing_svc.domain.ledger import Journals, Subject
from billing_svc.domain.payment import Attempt
from billing_svc.domain.provider_call import Call
from billing_svc.domain.refund import Refund, RefundReason
from chassis.money import Money


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided, and where its ids come from."""

    now: datetime
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Shipment:
    """A shipment whose revenue is posted: what was sent, with its share of the order's money.

    Of one that was read before these were kept, only the net is known.
    """

    fulfillment_id: str
    net: Money
    lines: tuple[CreditedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderAccount:
    """An order in the eyes of billing; its row is the stream of every event about the order."""

    order_id: str
    placed_by: Person | None = None
    terms: Terms | None = None
    is_reserved: bool = False
    reservation_failure: str | None = None
    is_cancelled: bool = False
    invoice: Invoice | None = None
    attempts: tuple[Attempt, ...] = ()
    refunds: tuple[Refund, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    cancellations: tuple[LineCancellation, ...] = ()
    closing: Closing | None = None

    @property
    def key(self) -> str:
        """The order."""
        return self.order_id

    @property
    def subject(self) -> Subject:
        """What its journals are about."""
        return Subject(self.order_id, self.invoice.invoice_id if self.invoice else None)

    @property
    def may_be_invoiced(self) -> bool:
        """Whether the order, its stock and no cancel are known, and no invoice is issued yet."""
        return self.terms is not None and self.is_reserved and not self.is_cancelled and self.invoice is None

    @property
    def wants_money(self) -> bool:
        """Whether money that comes in now would be applied."""
        return self.invoice is not None and self.invoice.wants_money

    def is_due_again(self, payment_id: str, now: datetime) -> bool:
        """Whether another attempt has to follow this one now."""
        attempt = self.attempt(payment_id)
        due = attempt.next_attempt_time if attempt else None
        return due is not None and due <= now and self.wants_money and not self.has_open_attempt

    @property
    def has_open_attempt(self) -> bool:
        """Whether a payment may still come in."""
        return any(attempt.is_open for attempt in self.attempts)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing will happen by itself any more."""
        return not self.has_open_attempt and not any(refund.is_open for refund in self.refunds)

    @property
    def received(self) -> tuple[Money, ...]:
        """What came in, one a currency."""
        return _by_currency(attempt.received for attempt in self.attempts if attempt.received is not None)

    @property
    def refunded(self) -> tuple[Money, ...]:
        """What went back, one a currency."""
        return _by_currency(refund.amount for refund in self.refunds if refund.is_succeeded)

    @property
    def refunded_of_paid(self) -> int:
        """What went back of what was applied to the invoice, in minor units."""
        refunds = (r for r in self.refunds if r.is_succeeded and r.reason is not RefundReason.UNAPPLIED_CASH)
        return sum(refund.amount.minor_units for refund in refunds)

    @property
    def uncredited(self) -> LineCancellation | None:
        """The cancellation of lines for which no credit note is issued yet; its id will be the note's."""
        credited = {note.credit_note_id for note in self.credit_notes}
        return next((each for each in self.cancellations if each.cancellation_id not in credited), None)

    def refundable(self, attempt: Attempt) -> int:
        """What was applied of an attempt and is not given back or about to be, in minor units."""
        applied = attempt.applied.minor_units if attempt.applied else 0
        mine = (r for r in self.refunds if r.payment_id == attempt.payment_id and r.reason is not RefundReason.UNAPPLIED_CASH)
        return applied - sum(refund.amount.minor_units for refund in mine)

    def attempt(self, payment_id: str) -> Attempt | None:
        """Return an attempt, or None."""
        return next((attempt for attempt in self.attempts if attempt.payment_id == payment_id), None)

    def refund(self, refund_id: str) -> Refund | None:
        """Return a refund, or None."""
        return next((refund for refund in self.refunds if refund.refund_id == refund_id), None)

    def next_call(self, payment_id: str) -> Call | None:
        """Return what to ask the provider about an attempt, or None where its outcome is known."""
        attempt = self.attempt(payment_id)
        return attempt.next_call(wants_money=self.wants_money) if attempt else None

    def with_attempts_stopped(self, now: datetime) -> OrderAccount:
        """Return the account with the provider being asked at once about what is open, and no attempt to follow."""
        attempts = (replace(a, next_call_time=now if a.is_open else None, next_attempt_time=None) for a in self.attempts)
        return replace(self, attempts=tuple(attempts))

    def with_attempt(self, attempt: Attempt) -> OrderAccount:
        """Return the account with an attempt as it is now."""
        others = (attempt if a.payment_id == attempt.payment_id else a for a in self.attempts)
        return replace(self, attempts=tuple(others))

    def with_refund(self, refund: Refund) -> OrderAccount:
        """Return the account with a refund as it is now."""
        return replace(self, refunds=tuple(refund if r.refund_id == refund.refund_id else r for r in self.refunds))


def _by_currency(amounts: Iterable[Money]) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for amount in amounts:
        known = sums.get(amount.currency_code)
        sums[amount.currency_code] = known + amount if known else amount
    return tuple(sums[code] for code in sorted(sums))


@dataclass(frozen=True, slots=True)
class Change:
    """What an account has become, the events that say so, and what is posted for it."""

    account: OrderAccount
    events: tuple[Event, ...] = ()
    journals: Journals = ()

    def then(self, step: Callable[[OrderAccount], Change]) -> Change:
        """Go on from here with another step."""
        after = step(self.account)
        return Change(after.account, self.events + after.events, self.journals + after.journals)
