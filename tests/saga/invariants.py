"""The checker of every play: I1 to I10 of reliability.md, and what each service checks itself (the ledger its chain)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

import billing_svc.tables
import inventory_svc.store
import order_svc.store
import workflow_svc.tables
from atlas.billing.v1 import credit_note_pb2, payment_pb2
from atlas.inventory.v1 import adjustment_pb2, stock_pb2
from atlas.orders.v1 import cancellation_pb2, fulfillment_pb2, order_service_pb2
from atlas.workflow.v1 import approval_pb2
from chassis.world import keys
from order_svc.domain.order import Order, State
from tests.saga import orders, streams
from tests.saga.customers import Customers
from tests.saga.ledger import account_balance, trial_balance
from tests.saga.office import Call, Office
from tests.saga.postman import Postman
from tests.saga.services import NAMES, Services

VOTES = (approval_pb2.ApproveRequestRequest, approval_pb2.RejectRequestRequest)


def violations(services: Services, customers: Customers, postman: Postman) -> list[str]:
    """Return everything that is wrong with a play that has come to rest."""
    found = [
        *customers.office.broken,
        *services.provider.broken,
        *postman.broken,
        *_effects(services, customers),
        *streams.violations(services),
    ]
    for order_id in order_ids(services, customers.customer):
        found += orders.violations(services, order_id)
    for name in NAMES:
        found += _own(services, name)
    found += _stock_value(services)
    found += [f"I8: the trial balance of {code} is {amount}" for code, amount in trial_balance(services).items() if amount]
    return found


def _own(services: Services, name: str) -> Iterator[str]:
    with services.connection(name) as connection:
        for finding in services[name].blueprint.invariants(connection):
            if finding.wrong:
                yield f"{name} {finding.name} ({finding.statement}): {finding.wrong}"


def order_ids(services: Services, customer: str) -> list[str]:
    """The orders of one customer."""
    table = order_svc.store.orders
    with services.connection("order") as connection:
        statement = sa.select(table.c.order_id).where(table.c.customer_id == customer)
        return list(connection.execute(statement.order_by(table.c.order_id)).scalars())


def _effects(services: Services, customers: Customers) -> Iterator[str]:
    """I1 and I2: every call has an answer, and each answered one its effect, once."""
    office = customers.office
    if office.waiting:
        yield f"I2: {[call.key for call in office.waiting]} have no answer"
    done = [call for call in office.answered if call.response is not None]
    placed = sorted(call.response.order.order_id for call in _of(done, order_service_pb2.PlaceOrderRequest))
    if placed != (stored := order_ids(services, customers.customer)):
        yield f"I1: placed {placed}, stored {stored}"
    yield from _cancels(services, done)
    yield from _closes(services, done)
    yield from _shipments(services, done)
    yield from _movements(services, office)
    yield from _votes(services, done)
    yield from _allowances(services, done)


def _of(calls: list[Call], kind: type) -> list[Call]:
    return [call for call in calls if isinstance(call.request, kind)]


def _cancels(services: Services, done: list[Call]) -> Iterator[str]:
    table = order_svc.store.orders
    ids = [call.request.order_id for call in _of(done, order_service_pb2.CancelOrderRequest)]  # type: ignore[attr-defined]
    if len(set(ids)) != len(ids):
        yield f"I1: cancelled twice: {ids}"
    with services.connection("order") as connection:
        rows = connection.execute(sa.select(table.c.order_id, table.c.state, table.c.cancel_reason)).all()
    states = {row.order_id: (row.state, row.cancel_reason) for row in rows}
    for order_id in ids:
        if states[order_id] != ("CANCELLED", "CUSTOMER_REQUEST"):
            yield f"I1: the cancel of {order_id} was accepted, it is {states[order_id]}"


def _closes(services: Services, done: list[Call]) -> Iterator[str]:
    for call in _of(done, cancellation_pb2.CancelRemainingRequest):
        order_id = call.request.order_id  # type: ignore[attr-defined]
        order = services.load("order", keys(Order, [order_id])).find(Order, order_id)
        if order is None or order.state is not State.FULFILLED or order.cancel_reason != "OUT_OF_STOCK":
            yield f"I1: cancelling the rest of {order_id} was accepted, it is {order}"


def _shipments(services: Services, done: list[Call]) -> Iterator[str]:
    calls = _of(done, fulfillment_pb2.FulfillOrderRequest)
    told = {call.response.fulfillment.fulfillment_id: call.response.fulfillment.order_id for call in calls}
    table = order_svc.store.fulfillment
    with services.connection("order") as connection:
        statement = sa.select(table.c.fulfillment_id, table.c.order_id).where(table.c.order_id.in_(told.values()))
        stored = {row.fulfillment_id: row.order_id for row in connection.execute(statement)}
    if stored != told:
        yield f"I1: told fulfillments {told}, stored {stored}"


def _movements(services: Services, office: Office) -> Iterator[str]:
    """Each accepted receipt and adjustment is there once, and its units have moved once."""
    done = [call.response for call in office.answered if call.response is not None]
    receipts = [response.receipt for response in done if isinstance(response, stock_pb2.ReceiveStockResponse)]
    corrections = [response.adjustment for response in done if isinstance(response, adjustment_pb2.AdjustStockResponse)]
    told = {each.receipt_id: len(each.lines) for each in receipts}
    told |= {each.adjustment_id: len(each.lines) for each in corrections}
    movement = inventory_svc.store.stock_movement
    with services.connection("inventory") as connection:
        statement = sa.select(movement.c.source_id, sa.func.count().label("count"))
        statement = statement.where(movement.c.reason.in_(("RECEIPT", "COUNT")), movement.c.sku.like(f"{office.label}-%"))
        rows = connection.execute(statement.group_by(movement.c.source_id)).all()
    if {str(source_id): int(count) for source_id, count in rows} != told:
        yield f"I1: told receipts and adjustments {told}, moved {rows}"


def _stock_value(services: Services) -> Iterator[str]:
    """The books say of the stock what it is worth, through all changes of cost."""
    item = inventory_svc.store.stock_item
    with services.connection("inventory") as connection:
        worth = sum(connection.execute(sa.select(item.c.on_hand * item.c.cost_minor_units)).scalars())
    if (booked := account_balance(services, "1200")) != worth:
        yield f"I8: account 1200 is {booked}, the stock is worth {worth}"


def _votes(services: Services, done: list[Call]) -> Iterator[str]:
    calls = [call for kind in VOTES for call in _of(done, kind)]
    told = Counter((call.request.approval_id, call.actor.subject) for call in calls)  # type: ignore[attr-defined]
    table = workflow_svc.tables.approval_decision
    with services.connection("workflow") as connection:
        statement = sa.select(table.c.approval_id, table.c.decider_subject)
        rows = connection.execute(statement.where(table.c.approval_id.in_({approval for approval, _ in told}))).all()
    stored = Counter((row.approval_id, row.decider_subject) for row in rows)
    if stored != told:
        yield f"I1: told decisions {dict(told)}, stored {dict(stored)}"


def _allowances(services: Services, done: list[Call]) -> Iterator[str]:
    """Each accepted credit and refund by hand is there once."""
    notes = [call.response.credit_note.credit_note_id for call in _of(done, credit_note_pb2.CreateCreditNoteRequest)]
    refunds = [call.response.refund.refund_id for call in _of(done, payment_pb2.RefundPaymentRequest)]
    table = billing_svc.tables.credit_note.c
    told = {call.request.invoice_id for call in _of(done, credit_note_pb2.CreateCreditNoteRequest)}  # type: ignore[attr-defined]
    told |= _invoices_of(services, done)
    with services.connection("billing") as connection:
        statement = sa.select(table.credit_note_id, table.refund_id)
        rows = connection.execute(statement.where(table.kind == "ALLOWANCE", table.invoice_id.in_(told))).all()
    stored = [row for row in rows if row.credit_note_id in notes or row.refund_id in refunds]
    if len(rows) != len(stored) or len(rows) != len(notes) + len(refunds) or len({*notes, *refunds}) != len(rows):
        yield f"I1: told credits {notes} and refunds {refunds}, stored {rows}"


def _invoices_of(services: Services, done: list[Call]) -> set[str]:
    payments = [call.request.payment_id for call in _of(done, payment_pb2.RefundPaymentRequest)]  # type: ignore[attr-defined]
    table = billing_svc.tables.payment.c
    with services.connection("billing") as connection:
        return set(connection.execute(sa.select(table.invoice_id).where(table.payment_id.in_(payments))).scalars())
