"""Puts order_svc together; the only place that wires."""

from __future__ import annotations

from atlas.billing.v1 import billing_events_pb2
from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from atlas.workflow.v1 import workflow_events_pb2
from chassis.application import Application, Blueprint
from chassis.broker import Broker
from chassis.clock import Clock
from chassis.contracts import EventCatalog
from chassis.ids import IdSource
from order_svc import invariants, reactions, rpc, wire
from order_svc.domain.order import Deadlines
from order_svc.settings import Settings
from order_svc.store import STORE


def blueprint(deadlines: Deadlines) -> Blueprint:
    """Describe the service to the chassis."""
    return Blueprint(
        package="order_svc",
        identity="order-svc",
        store=STORE,
        catalog=EventCatalog([order_events_pb2, inventory_events_pb2, billing_events_pb2, workflow_events_pb2]),
        payload=wire.payload,
        subscriptions=reactions.subscriptions(deadlines),
        works=reactions.works(deadlines),
        servicers=rpc.servicers,
        invariants=invariants.check,
    )


def build(settings: Settings, clock: Clock, broker: Broker, ids: IdSource) -> Application:
    """Build the service on a given clock, broker and source of ids."""
    return Application(blueprint(settings.deadlines), settings, clock=clock, broker=broker, ids=ids)
