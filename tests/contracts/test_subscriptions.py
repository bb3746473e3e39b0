"""Every declared consumer really subscribes, and nobody subscribes undeclared."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import pytest
from google.protobuf.message import Message

from order_svc.domain.order import Deadlines
from tests.contracts import schema

PACKAGES = {
    "order-svc": "order_svc",
    "inventory-svc": "inventory_svc",
    "billing-svc": "billing_svc",
    "workflow-svc": "workflow_svc",
    "reporting-svc": "reporting_svc",
}


@pytest.mark.parametrize("service", PACKAGES)
def test_a_service_subscribes_to_exactly_what_names_it_as_consumer(service: str) -> None:
    subscribed = {payload.DESCRIPTOR.full_name for payload in _subscriptions(PACKAGES[service])}
    declared = {event.payload.DESCRIPTOR.full_name for event in schema.EVENTS.types if service in event.consumers}
    assert subscribed == declared


def _subscriptions(package: str) -> Iterable[type[Message]]:
    """What a service subscribes to; how an order reacts depends on its deadlines, to what does not."""
    reactions = importlib.import_module(f"{package}.reactions")
    found: Iterable[type[Message]] = reactions.subscriptions(Deadlines()) if package == "order_svc" else reactions.SUBSCRIPTIONS
    return found
