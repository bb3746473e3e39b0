"""What must hold of each order at rest, across the services: I7 to I10 of reliability.md, and the outside world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from billing_svc.domain.invoice import CreditNoteKind, InvoiceState
from billing_svc.domain.order_account import OrderAccount
from billing_svc.domain.provider_call import Outcome
from chassis.world import keys
from inventory_svc.domain.reservation import Reservation
from inventory_svc.domain.reservation import State as Held
from order_svc.domain.order import Order, Settlement, State
from order_svc.domain.pricing import share
from reporting_svc.projections.order_summary import OrderSummary
from tests.saga.ledger import balances
from tests.saga.services import Services
from workflow_svc.domain.approval import Approval, ApprovalState
from workflow_svc.domain.order import Order as ApprovedOrder

RESTING = {
    State.BACKORDERED,
    State.PAYMENT_FAILED,
    State.AWAITING_APPROVAL,
    State.CONFIRMED,
    State.PARTIALLY_FULFILLED,
    State.FULFILLED,
    State.CANCELLED,
}
HELD = {
    State.BACKORDERED: {Held.BACKORDERED},
    State.PAYMENT_FAILED: {Held.RESERVED},
    State.AWAITING_APPROVAL: {Held.RESERVED},
    State.CONFIRMED: {Held.COMMITTED},
    State.PARTIALLY_FULFILLED: {Held.PARTIALLY_SHIPPED},
    State.FULFILLED: {Held.SHIPPED},
    State.CANCELLED: {Held.RELEASED, Held.REJECTED, Held.TOMBSTONE},
}


@dataclass(frozen=True, slots=True)
class Whole:
    """One order as each service knows it."""

    order: Order
    held: Reservation
    account: OrderAccount
    approved: ApprovedOrder
    approval: Approval | None
    summary: OrderSummary
    balances: dict[str, int]


def whole(services: Services, order_id: str) -> Whole:
    """Load an order from every database."""
    order = services.load("order", keys(Order, [order_id])).find(Order, order_id)
    held = services.load("inventory", keys(Reservation, [order_id])).find(Reservation, order_id)
    account = services.load("billing", keys(OrderAccount, [order_id])).find(OrderAccount, order_id)
    world = services.load("workflow", keys(ApprovedOrder, [order_id]))
    approved = world.find(ApprovedOrder, order_id)
    summary = services.load("reporting", keys(OrderSummary, [order_id])).find(OrderSummary, order_id)
    assert order, f"order_svc has no {order_id}"
    assert held, f"inventory_svc has no {order_id}"
    assert account, f"billing_svc has no {order_id}"
    assert approved, f"workflow_svc has no {order_id}"
    assert summary, f"reporting_svc has no {order_id}"
    approval = world.find(Approval, approved.approval_id) if approved.approval_id else None
    return Whole(order, held, account, approved, approval, summary, balances(services, order_id))


def violations(services: Services, order_id: str) -> Iterator[str]:
    """Say what is wrong with one order at rest."""
    it = whole(services, order_id)
    for wrong in (*_rest(it), *_stock(it), *_money(it), *_world(services, it)):
        settlement = f" {it.order.settlement.value}" if it.order.settlement else ""
        yield f"order {order_id} {it.order.state.value}{settlement}: {wrong}"


def _rest(it: Whole) -> Iterator[str]:
    """I9: terminal or visibly waiting, for something that really is not there."""
    order = it.order
    if order.state not in RESTING:
        yield "I9: it waits for our own services"
    if order.settlement is Settlement.PENDING:
        yield f"I9: its cancellation is not settled, known is {order.known}"
    waits = it.approval is not None and it.approval.state is ApprovalState.PENDING
    if (order.state is State.AWAITING_APPROVAL) != (waits and it.approved.paid):
        yield f"I9: its approval is {it.approval}"
    if order.state is State.PAYMENT_FAILED and not any(a.exception_id for a in it.account.attempts):
        yield "I9: no payment exception waits for a person"
    if it.summary.changed.state != order.state or it.summary.changed.settlement != (order.settlement or None):
        yield f"I12: the report shows {it.summary.changed}"
    if order.state is State.CONFIRMED and not (it.approval is None or it.approval.state is ApprovalState.GRANTED):
        yield f"I10: it is confirmed, its approval is {it.approval.state if it.approval else None}"


def _stock(it: Whole) -> Iterator[str]:
    """I7 and I10: what the order shows is what the warehouse holds."""
    if it.order.state in HELD and it.held.state not in HELD[it.order.state]:
        yield f"I10: its reservation is {it.held.state}"
    if it.order.state is State.CANCELLED and any(line.held for line in it.held.lines):
        yield "I10: it is cancelled and holds stock"
    shipped = {line.line_number: line.quantity_shipped for line in it.order.lines}
    if it.order.is_shipped and any(line.shipped != shipped[line.line_number] for line in it.held.lines):
        yield f"I7: {shipped} was shipped, of {it.held.lines}"


def _money(it: Whole) -> Iterator[str]:
    """I8 and I10: paid once where it lives, nothing kept where it is cancelled."""
    order, account, books = it.order, it.account, it.balances
    received = sum(amount.minor_units for amount in account.received)
    refunded = sum(amount.minor_units for amount in account.refunded)
    paid = {State.AWAITING_APPROVAL, State.CONFIRMED, State.PARTIALLY_FULFILLED, State.FULFILLED}
    kept_net, kept = _kept(order)
    kept -= sum((note.net + note.tax).minor_units for note in account.credit_notes if note.kind is CreditNoteKind.ALLOWANCE)
    applied = sum(attempt.applied.minor_units for attempt in account.attempts if attempt.applied)
    if order.state in paid:
        is_all_back = not kept and not order.total.is_zero
        shown = InvoiceState.CREDITED if is_all_back else InvoiceState.PAID
        if account.invoice is None or account.invoice.state is not shown or applied != order.total.minor_units:
            yield f"I10: {applied} of {order.total.minor_units} was applied, the invoice is {account.invoice}"
        owed = received - refunded - kept
        if books.get("1100") or (books.get("1000", 0), -books.get("2200", 0)) != (received - refunded, owed):
            yield f"I8: {kept} of {received} is kept, {refunded} was refunded, the books are {books}"
    earned = sum(shipment.net.minor_units for shipment in account.shipments)
    if order.is_shipped and (-books.get("4000", 0), -books.get("2300", 0)) != (earned, kept_net - earned):
        yield f"I8: {earned} of {kept_net} is earned, the books are {books}"
    if order.state is State.FULFILLED and books.get("2300"):
        yield f"I8: deferred revenue is left: {books}"
    if order.state is State.BACKORDERED and received:
        yield f"I10: {received} came in"
    if order.state is State.PAYMENT_FAILED and not 0 <= applied < order.total.minor_units:
        yield f"I10: {applied} of {order.total.minor_units} was applied"
    if order.settlement is Settlement.SETTLED:
        left = {account: amount for account, amount in books.items() if account not in ("1200", "5000")}
        if order.is_cancelled and (received != refunded or left):
            yield f"I10: settled with {received} received and {refunded} refunded, the books are {books}"
    if order.settlement is Settlement.FAILED and not any(refund.is_failed for refund in account.refunds):
        yield "I10: its settlement failed, no refund did"


def _kept(order: Order) -> tuple[int, int]:
    """Net, and net plus tax, of what is not cancelled: the first units of each line carry their cumulative share."""
    kept = [(line, line.quantity - line.quantity_cancelled) for line in order.lines]
    net = sum(share(line.net, before=0, after=units, whole=line.quantity).minor_units for line, units in kept)
    tax = sum(share(line.tax, before=0, after=units, whole=line.quantity).minor_units for line, units in kept)
    return net, net + tax


def _world(services: Services, it: Whole) -> Iterator[str]:
    """Compare what billing believes with what the provider did."""
    sandbox, account = services.provider.sandbox, it.account
    for attempt in account.attempts:
        intent = sandbox.intents.get(attempt.payment_id)
        charged = intent is not None and intent.outcome is Outcome.SUCCEEDED
        if charged != (attempt.received is not None):
            yield f"the provider has {intent}, billing has {attempt}"
    refunds = {refund.refund_id: refund for refund in account.refunds}
    for refund_id, given in sandbox.refunds.items():
        if given.order_id == account.order_id and not (refund_id in refunds and refunds[refund_id].is_succeeded):
            yield f"the provider gave {given.amount} back, billing does not know"
    for refund in account.refunds:
        if refund.is_succeeded and refund.refund_id not in sandbox.refunds:
            yield f"billing believes that {refund} is back, the provider does not"
