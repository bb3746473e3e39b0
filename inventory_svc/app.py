"""Puts inventory_svc together; the only place that wires."""

from __future__ import annotations

from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from chassis.application import Application, Blueprint
from chassis.broker import Broker
from chassis.clock import Clock
from chassis.contracts import EventCatalog
from chassis.ids import IdSource
from inventory_svc import invariants, reactions, rpc, wire
from inventory_svc.settings import Settings
from inventory_svc.store import STORE


def blueprint() -> Blueprint:
    """Describe the service to the chassis."""
    return Blueprint(
        package="inventory_svc",
        identity="inventory-svc",
        store=STORE,
        catalog=EventCatalog([inventory_events_pb2, order_events_pb2]),
        payload=wire.payload,
        subscriptions=reactions.SUBSCRIPTIONS,
        works=reactions.WORKS,
        servicers=rpc.servicers,
        invariants=invariants.check,
    )


def build(settings: Settings, clock: Clock, broker: Broker, ids: IdSource) -> Application:
    """Build the service on a given clock, broker and source of ids."""
    return Application(blueprint(), settings, clock=clock, broker=broker, ids=ids)
