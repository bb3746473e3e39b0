"""The only place that wires reporting_svc."""

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
from reporting_svc import invariants, reactions, rpc, wire
from reporting_svc.settings import Settings
from reporting_svc.store import STORE


def blueprint() -> Blueprint:
    """Return what makes this service this service."""
    return Blueprint(
        package="reporting_svc",
        identity="reporting-svc",
        store=STORE,
        catalog=EventCatalog([order_events_pb2, inventory_events_pb2, billing_events_pb2, workflow_events_pb2]),
        payload=wire.payload,
        subscriptions=reactions.SUBSCRIPTIONS,
        works=reactions.WORKS,
        servicers=rpc.servicers,
        invariants=invariants.check,
    )


def build(settings: Settings, clock: Clock, broker: Broker, ids: IdSource) -> Application:
    """Put the service together on a database and a broker."""
    return Application(blueprint(), settings, clock=clock, broker=broker, ids=ids)
