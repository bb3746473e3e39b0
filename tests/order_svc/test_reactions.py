"""Facts arrive by the broker: once, twice, and in the order in which the topics happen to be read."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message

from atlas.billing.v1 import billing_events_pb2 as billing
from atlas.billing.v1 import invoice_pb2
from atlas.billing.v1 import payment_events_pb2 as payments
from atlas.common.v1.money_pb2 import Money as MoneyMessage
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.workflow.v1 import policy_pb2
from atlas.workflow.v1 import workflow_events_pb2 as workflow
from chassis.application import Application
from chassis.broker import OutRecord
from chassis.envelope import Cause, Place, seal
from chassis.memory_broker import MemoryBroker
from chassis.tables import parked_event
from chassis.world import SYSTEM, keys
from order_svc.domain.order import Order, State
from order_svc.store import STORE
from tests.order_svc.builders import NOW, an_order

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _reserved(order_id: str) -> Message:
    return inventory.InventoryReserved(order_id=order_id, lines=[inventory.StockLine(line_number=1, sku="LAMP-01", quantity=3)])


def _invoiced(order_id: str) -> Message:
    return billing.InvoiceCreated(order_id=order_id, invoice_id=str(uuid.uuid4()))


def _paid(order_id: str) -> Message:
    amount = MoneyMessage(currency_code="EUR", minor_units=3_600)
    return payments.PaymentSucceeded(
        order_id=order_id,
        invoice_id=str(uuid.uuid4()),
        payment_id=str(uuid.uuid4()),
        attempt_number=1,
        amount=amount,
        applied=amount,
        invoice_state=invoice_pb2.INVOICE_STATE_PAID,
    )


def _not_required(order_id: str) -> Message:
    return workflow.ApprovalNotRequired(order_id=order_id, subject_type=policy_pb2.SUBJECT_TYPE_ORDER, subject_id=order_id)


def _stored(service: Application) -> str:
    order = an_order(order_id=str(uuid.uuid4()))
    with service.database.begin() as connection:
        world = STORE.load(connection, frozenset())
        world.put(order, NOW)
        STORE.save(connection, world)
    return order.order_id


def _publish(service: Application, payload: Any, sequence: int) -> None:
    broker, kind = service.broker, service.service.catalog.by_payload[type(payload)]
    assert isinstance(broker, MemoryBroker)
    place = Place(str(uuid.uuid4()), NOW, "Test", payload.order_id, sequence)
    sealed = seal(kind, payload, place, Cause("correlation", "cause", TRACE, SYSTEM))
    broker.append(OutRecord(sealed.topic, sealed.stream_key, sealed.value, sealed.headers))


def _read_all(service: Application) -> None:
    while service.consumer.step():
        pass


def _order(service: Application, order_id: str) -> tuple[Order, int]:
    with service.database.begin() as connection:
        world = STORE.load(connection, keys(Order, [order_id]))
    order = world.find(Order, order_id)
    assert order is not None
    return order, world.version(order)


STREAMS = {
    "stock, money, approval": (_reserved, _invoiced, _paid, _not_required),
    "approval, money, stock": (_not_required, _invoiced, _paid, _reserved),
    "money, stock, approval": (_invoiced, _paid, _reserved, _not_required),
}


@pytest.mark.parametrize("name", STREAMS)
def test_facts_confirm_an_order_whichever_topic_is_read_first(order_service: Application, name: str) -> None:
    order_id = _stored(order_service)
    for number, make in enumerate(STREAMS[name], 1):
        _publish(order_service, make(order_id), number)
        _read_all(order_service)
    assert _order(order_service, order_id)[0].state is State.CONFIRMED


def test_the_same_fact_under_a_new_event_changes_nothing(order_service: Application) -> None:
    order_id = _stored(order_service)
    _publish(order_service, _reserved(order_id), 1)
    _read_all(order_service)
    before = _order(order_service, order_id)
    _publish(order_service, _reserved(order_id), 2)
    _read_all(order_service)
    assert _order(order_service, order_id) == before


def test_a_fact_about_an_order_that_is_not_here_is_parked_not_lost(order_service: Application) -> None:
    order_id = str(uuid.uuid4())
    _publish(order_service, _reserved(order_id), 1)
    _read_all(order_service)
    with order_service.database.begin() as connection:
        statement = sa.select(parked_event.c.error_class).where(parked_event.c.stream_key == order_id)
        assert connection.execute(statement).scalar_one() == "LookupError"
