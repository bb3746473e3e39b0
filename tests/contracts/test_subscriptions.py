"""Every declared consumer really subscribes, and nobody subscribes undeclared."""

from __future__ import annotations

import importlib

import pytest

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
    subscriptions = importlib.import_module(f"{PACKAGES[service]}.reactions").SUBSCRIPTIONS
    subscribed = {payload.DESCRIPTOR.full_name for payload in subscriptions}
    declared = {event.payload.DESCRIPTOR.full_name for event in schema.EVENTS.types if service in event.consumers}
    assert subscribed == declared
