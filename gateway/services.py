"""Which services the gateway offers over REST, and at which upstream each is."""

from __future__ import annotations

from atlas.billing.v1 import billing_service_pb2, document_service_pb2, ledger_service_pb2, webhook_service_pb2
from atlas.inventory.v1 import inventory_service_pb2
from atlas.ops.v1 import ops_service_pb2
from atlas.orders.v1 import order_service_pb2, price_service_pb2
from atlas.reporting.v1 import reporting_service_pb2
from atlas.workflow.v1 import workflow_service_pb2
from chassis.rest.routes import Route, Service, read_routes

SERVICES = (
    Service(order_service_pb2.DESCRIPTOR.services_by_name["OrderService"], upstream="order"),
    Service(price_service_pb2.DESCRIPTOR.services_by_name["PriceService"], upstream="order"),
    Service(inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"], upstream="inventory"),
    Service(billing_service_pb2.DESCRIPTOR.services_by_name["BillingService"], upstream="billing"),
    Service(document_service_pb2.DESCRIPTOR.services_by_name["DocumentService"], upstream="billing"),
    Service(ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"], upstream="billing"),
    Service(webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"], upstream="billing"),
    Service(workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"], upstream="workflow"),
    Service(reporting_service_pb2.DESCRIPTOR.services_by_name["ReportingService"], upstream="reporting"),
    Service(ops_service_pb2.DESCRIPTOR.services_by_name["OpsService"], upstream_variable="service"),
)


def all_routes() -> tuple[Route, ...]:
    """Read the routes of every service."""
    return read_routes(SERVICES)
