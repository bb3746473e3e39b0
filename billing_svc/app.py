"""Puts billing_svc together; the only place that wires."""

from __future__ import annotations

from atlas.billing.v1 import billing_events_pb2
from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from billing_svc import invariants, reactions, rpc, wire, works
from billing_svc.domain.dunning import Offsets
from billing_svc.provider import PaymentProvider, RestProvider
from billing_svc.sealing import Sealer
from billing_svc.settings import Settings
from billing_svc.store import STORE
from chassis.application import Application, Blueprint
from chassis.broker import Broker
from chassis.clock import Clock
from chassis.contracts import EventCatalog
from chassis.ids import IdSource


def provider(settings: Settings) -> PaymentProvider:
    """Make the payment provider that the settings name; nothing is connected before the first call."""
    return RestProvider(
        settings.psp_url,
        key=settings.psp_key,
        timeout=settings.psp_timeout,
        connect_timeout=settings.psp_connect_timeout,
    )


def blueprint(provider: PaymentProvider, offsets: Offsets) -> Blueprint:
    """Describe the service to the chassis."""
    return Blueprint(
        package="billing_svc",
        identity="billing-svc",
        store=STORE,
        catalog=EventCatalog([billing_events_pb2, order_events_pb2, inventory_events_pb2]),
        payload=wire.payload,
        subscriptions=reactions.SUBSCRIPTIONS,
        works=works.works(provider, offsets),
        servicers=rpc.servicers,
        invariants=invariants.check,
        loops={"sealer": Sealer},
    )


def build(
    settings: Settings, clock: Clock, broker: Broker, ids: IdSource, payments: PaymentProvider | None = None
) -> Application:
    """Build the service on a given clock, broker and source of ids; without `payments`, on the provider of the settings."""
    described = blueprint(payments or provider(settings), settings.dunning_offsets)
    return Application(described, settings, clock=clock, broker=broker, ids=ids)
