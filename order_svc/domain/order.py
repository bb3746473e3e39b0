"""The order: a set of facts, and a state that is a pure function of them (domain.md, Order)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.money import Money, total
from order_svc.domain import events
from order_svc.domain.errors import InvalidLines, MoreThanReserved, NothingToClose, OrderNotCancellable, OrderNotShippable
from order_svc.domain.facts import NOTHING_KNOWN, Approval, Fact, Known, Outcome, Stock
from order_svc.domain.pricing import Line, share


class State(StrEnum):
    """Where an order is."""

    PLACED = "PLACED"
    BACKORDERED = "BACKORDERED"
    RESERVED = "RESERVED"
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    CONFIRMED = "CONFIRMED"
    PARTIALLY_FULFILLED = "PARTIALLY_FULFILLED"
    FULFILLED = "FULFILLED"
    CANCELLED = "CANCELLED"


class Settlement(StrEnum):
    """How far a cancellation has been made good."""

    PENDING = "PENDING"
    SETTLED = "SETTLED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Person:
    """Who placed or cancelled an order."""

    issuer: str
    subject: str
    username: str


@dataclass(frozen=True, slots=True)
class LinePart:
    """What one shipment, or the cancellation of the rest, takes of a line, with its share of the line's money."""

    line_number: int
    sku: str
    quantity: int
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """One shipment of an order."""

    fulfillment_id: str
    order_id: str
    lines: tuple[LinePart, ...]
    tracking_reference: str | None

    @property
    def key(self) -> str:
        """The fulfillment id."""
        return self.fulfillment_id


@dataclass(frozen=True, slots=True)
class LineCancellation:
    """What remained of an order when it was closed short."""

    cancellation_id: str
    lines: tuple[LinePart, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the client asked for."""

    customer_id: str
    currency_code: str
    payment_method: str
    client_reference: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `state_time` is when the current state was entered, `deadline_time` when it is given up.

    A `cancel_reason` before the first shipment means that the order is cancelled, after it that it was closed short: what
    remained was cancelled, what was shipped stays sold.
    """

    order_id: str
    customer_id: str
    client_reference: str | None
    currency_code: str
    payment_method: str
    placed_by: Person
    place_time: datetime
    lines: tuple[Line, ...]
    state_time: datetime
    deadline_time: datetime | None = None
    known: Known = NOTHING_KNOWN
    cancel_reason: str = ""
    confirmed: bool = False
    terms_version: int = 1

    @property
    def key(self) -> str:
        """The order id."""
        return self.order_id

    @property
    def net(self) -> Money:
        """The sum of the lines' net."""
        return total((line.net for line in self.lines), self.currency_code)

    @property
    def tax(self) -> Money:
        """The sum of the lines' tax."""
        return total((line.tax for line in self.lines), self.currency_code)

    @property
    def total(self) -> Money:
        """Net plus tax."""
        return self.net + self.tax

    @property
    def is_shipped(self) -> bool:
        """Whether anything has been shipped."""
        return any(line.quantity_shipped for line in self.lines)

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled, which is before anything was shipped."""
        return bool(self.cancel_reason) and not self.is_shipped

    @property
    def state(self) -> State:
        """Derive the state from the facts."""
        if self.is_cancelled:
            return State.CANCELLED
        if self.confirmed:
            if all(line.remaining == 0 for line in self.lines):
                return State.FULFILLED
            return State.PARTIALLY_FULFILLED if self.is_shipped else State.CONFIRMED
        if self.known.stock is not Stock.RESERVED:
            return State.BACKORDERED if self.known.stock is Stock.BACKORDERED else State.PLACED
        if not self.known.invoiced:
            return State.RESERVED
        if self.known.paid:
            return State.AWAITING_APPROVAL
        return State.PAYMENT_FAILED if self.known.failed else State.AWAITING_PAYMENT

    @property
    def settlement(self) -> Settlement | None:
        """Derive how far the cancellation, of all or of what remained, has been made good; None without one."""
        if not self.cancel_reason:
            return None
        closed = self.known.closed
        if closed is None:
            return Settlement.PENDING
        if closed.outcome is Outcome.REFUND_FAILED:
            return Settlement.FAILED
        covered = self.known.payment_ids <= closed.payment_ids
        return Settlement.SETTLED if self.known.released and covered else Settlement.PENDING

    @property
    def may_expire(self) -> bool:
        """Whether a deadline may still cancel it."""
        return self.state in EXPIRY


EXPIRY = {
    State.PLACED: "ANSWER_EXPIRED",
    State.BACKORDERED: "BACKORDER_EXPIRED",
    State.RESERVED: "ANSWER_EXPIRED",
    State.AWAITING_PAYMENT: "PAYMENT_EXPIRED",
    State.PAYMENT_FAILED: "PAYMENT_EXPIRED",
    State.AWAITING_APPROVAL: "APPROVAL_EXPIRED",
}
"""Why an order is cancelled whose deadline passes in a state."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an order may wait in each state (domain.md, Order)."""

    backordered: timedelta = 14 * DAY
    payment: timedelta = 7 * DAY
    approval: timedelta = 7 * DAY
    approval_margin: timedelta = timedelta(hours=1)
    ours: timedelta = 7 * DAY

    @property
    def shortest(self) -> timedelta:
        """The shortest of them: no order can expire earlier after its placement, nor after any look at it."""
        return min(self.backordered, self.payment, self.approval, self.ours)

    def time(self, order: Order) -> datetime | None:
        """Return when an order's state is given up; None where it waits for nothing."""
        limit = self.of(order)
        return order.state_time + limit if limit else None

    def of(self, order: Order) -> timedelta | None:
        """Return the limit of an order's state; None where it waits for nothing."""
        match order.state:
            case State.BACKORDERED:
                return None if order.known.says_billing else self.backordered
            case State.AWAITING_PAYMENT | State.PAYMENT_FAILED:
                return self.payment
            case State.AWAITING_APPROVAL:
                return max(self.approval, timedelta(seconds=order.known.longest_seconds) + self.approval_margin)
            case State.PLACED | State.RESERVED:
                return self.ours
            case _:
                return None


Outcomes = tuple[Order, tuple[events.Event, ...]]


def place(order_id: str, terms: Terms, placed_by: Person, now: datetime, deadlines: Deadlines) -> Outcomes:
    """Place an order."""
    order = Order(
        order_id=order_id,
        customer_id=terms.customer_id,
        client_reference=terms.client_reference,
        currency_code=terms.currency_code,
        payment_method=terms.payment_method,
        placed_by=placed_by,
        place_time=now,
        lines=terms.lines,
        state_time=now,
    )
    order = replace(order, deadline_time=deadlines.time(order))
    return order, (events.OrderPlaced(order), events.OrderStateChanged(order))


def learn(order: Order, fact: Fact, now: datetime, deadlines: Deadlines) -> Outcomes:
    """Take in what another service said. A fact is never refused: it changes nothing, moves the order, or cancels it."""
    known = order.known.learn(fact)
    learned = replace(order, known=known)
    caused: list[events.Event] = []
    cause = _cause(known)
    if cause and not learned.cancel_reason and not learned.is_shipped:
        learned = replace(learned, cancel_reason=cause)
        caused.append(events.OrderCancelled(learned, by=None))
    ready = known.stock is Stock.RESERVED and known.paid and known.approval in (Approval.GRANTED, Approval.NOT_REQUIRED)
    if ready and not learned.cancel_reason and not learned.confirmed:
        learned = replace(learned, confirmed=True)
        caused.append(events.OrderConfirmed(learned))
    if learned.settlement in (Settlement.SETTLED, Settlement.FAILED) and learned.settlement is not order.settlement:
        caused.append(events.OrderCancellationSettled(learned))
    return _moved(order, learned, caused, now, deadlines)


def _cause(known: Known) -> str:
    """Return why the facts cancel an order, or nothing."""
    if known.unknown_item:
        return "UNKNOWN_ITEM"
    if known.voided:
        return "INVOICE_VOIDED"
    if known.approval is Approval.REJECTED:
        return "APPROVAL_REJECTED"
    return "APPROVAL_EXPIRED" if known.approval is Approval.EXPIRED else ""


def expire(order: Order, now: datetime) -> Outcomes:
    """Give up an order whose deadline has passed. What was learned before, in this transaction or another, has moved it."""
    if order.deadline_time is None or now < order.deadline_time or not order.may_expire:
        return order, ()
    expired = replace(order, cancel_reason=EXPIRY[order.state])
    return _moved(order, expired, [events.OrderCancelled(expired, by=None)], now)


def cancel(order: Order, reason: str, by: Person, now: datetime) -> Outcomes:
    """Cancel an order before its first shipment; after it, or a second time, that is refused."""
    if order.cancel_reason or order.is_shipped:
        raise OrderNotCancellable(order.state)
    cancelled = replace(order, cancel_reason=reason)
    return _moved(order, cancelled, [events.OrderCancelled(cancelled, by)], now)


def fulfill(
    order: Order, wanted: Sequence[tuple[int, int]], *, fulfillment_id: str, tracking_reference: str | None, now: datetime
) -> tuple[Order, Fulfillment, tuple[events.Event, ...]]:
    """Ship some or all of what remains of a confirmed order. `wanted` are (line number, units); none means all."""
    if order.state not in (State.CONFIRMED, State.PARTIALLY_FULFILLED):
        raise OrderNotShippable(order.state)
    _check_wanted(order, wanted)
    units = dict(wanted) or {line.line_number: line.remaining for line in order.lines if line.remaining}
    parts = tuple(_part(line, units[line.line_number]) for line in order.lines if line.line_number in units)
    fulfillment = Fulfillment(fulfillment_id, order.order_id, parts, tracking_reference)
    shipped = replace(order, lines=tuple(line.shipped(units.get(line.line_number, 0)) for line in order.lines))
    is_last = shipped.state is State.FULFILLED
    event = (events.OrderFulfilled if is_last else events.OrderPartiallyFulfilled)(shipped, fulfillment)
    moved, caused = _moved(order, shipped, [event], now)
    return moved, fulfillment, caused


def _check_wanted(order: Order, wanted: Sequence[tuple[int, int]]) -> None:
    remaining = {line.line_number: line.remaining for line in order.lines}
    for index, (number, quantity) in enumerate(wanted):
        if number not in remaining:
            raise InvalidLines(f"lines[{index}].line_number", "line.exists", "must be a line of the order")
        if quantity > remaining[number]:
            raise MoreThanReserved(number, quantity, remaining[number])
    if len({number for number, _ in wanted}) < len(wanted):
        raise InvalidLines("lines", "line.once", "must name each line once")


def cancel_remaining(order: Order, reason: str, by: Person, *, cancellation_id: str, now: datetime) -> Outcomes:
    """Close a partially shipped order short: cancel what remains, each line with the rest of its money."""
    if order.state is not State.PARTIALLY_FULFILLED:
        raise NothingToClose(order.state)
    parts = tuple(_part(line, line.remaining) for line in order.lines if line.remaining)
    closed = replace(
        order,
        lines=tuple(line.closed() for line in order.lines),
        cancel_reason=reason,
        terms_version=order.terms_version + 1,
    )
    cancellation = LineCancellation(cancellation_id, parts)
    return _moved(
        order, closed, [events.OrderLinesCancelled(closed, cancellation, by), events.OrderFulfilled(closed, None)], now
    )


def _part(line: Line, units: int) -> LinePart:
    before = line.quantity_shipped + line.quantity_cancelled
    return LinePart(
        line_number=line.line_number,
        sku=line.sku,
        quantity=units,
        net=share(line.net, before=before, after=before + units, whole=line.quantity),
        tax=share(line.tax, before=before, after=before + units, whole=line.quantity),
    )


def _moved(
    before: Order, after: Order, caused: list[events.Event], now: datetime, deadlines: Deadlines | None = None
) -> Outcomes:
    """Note when the state was entered and when it is given up, and say that it or the facts changed.

    A command brings no deadlines: it moves an order to where it waits for nothing.
    """
    if after.state is not before.state:
        after = replace(after, state_time=now)
    after = replace(after, deadline_time=deadlines.time(after) if deadlines else None)
    if after != before:
        caused = [*caused, events.OrderStateChanged(after)]
    return after, tuple(caused)
