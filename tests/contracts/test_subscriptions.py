"""Every declared consumer really subscribes, and nobody subscribes undeclared."""

from __future__ import annotations

import pytest

from tests.contracts import schema
from tests.contracts.subscribed import subscribed_by

PACKAGES = {
    "order-svc": "order_svc",
    "inventory-svc": "inventory_svc",
    "billing-svc": "billing_svc",
    "workflow-svc": "workflow_svc",
    "reporting-svc": "reporting_svc",
}


@pytest.mark.parametrize("service", PACKAGES)
def test_a_service_subscribes_to_exactly_what_names_it_as_consumer(service: str) -> None:
    subscribed = {payload.DESCRIPTOR.full_name for payload in subscribed_by(PACKAGES[service])}
    declared = {event.payload.DESCRIPTOR.full_name for event in schema.EVENTS.types if service in event.consumers}
    assert subscribed == declared
