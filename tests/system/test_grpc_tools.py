"""What a person with `buf curl` or grpcurl sees of each service: list, describe, call, by reflection."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from cli.client import RestClient
from tests.stack import Stack

pytestmark = pytest.mark.stack

SECONDS = 30.0
CALLS = {
    "order_svc": "atlas.orders.v1.OrderService/ListOrders",
    "inventory_svc": "atlas.inventory.v1.InventoryService/ListItems",
    "billing_svc": "atlas.billing.v1.BillingService/ListInvoices",
    "workflow_svc": "atlas.workflow.v1.WorkflowService/ListPolicies",
    "reporting_svc": "atlas.reporting.v1.ReportingService/ListOrderSummaries",
}
needs_grpcurl = pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is not installed")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool."""
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def buf_curl(address: str, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run `buf curl` against a service."""
    return run("buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments, f"http://{address}{path}")


@pytest.mark.parametrize("protocol", ["grpc-v1", "grpc-v1alpha"])
@pytest.mark.parametrize("service", CALLS)
def test_buf_curl_lists_the_services(stack: Stack, service: str, protocol: str) -> None:
    listed = buf_curl(stack.grpc[service], "--reflect-protocol", protocol, "--list-services")
    expected = {CALLS[service].partition("/")[0], "atlas.ops.v1.OpsService", "grpc.health.v1.Health"}
    assert expected <= set(listed.stdout.split()), listed.stderr


@pytest.mark.parametrize("service", CALLS)
def test_buf_curl_lists_the_methods(stack: Stack, service: str) -> None:
    listed = buf_curl(stack.grpc[service], "--list-methods")
    assert CALLS[service] in listed.stdout.split(), listed.stderr


@pytest.mark.parametrize("service", CALLS)
def test_buf_curl_calls_with_a_token(stack: Stack, client: RestClient, service: str) -> None:
    header = f"Authorization: Bearer {client.token('admin')}"
    answered = buf_curl(stack.grpc[service], "--header", header, "--data", '{"page_size": 1}', path=f"/{CALLS[service]}")
    assert answered.returncode == 0, answered.stderr
    assert isinstance(json.loads(answered.stdout), dict)


def test_buf_curl_without_a_token_is_refused(stack: Stack) -> None:
    answered = buf_curl(stack.grpc["order_svc"], "--data", "{}", path=f"/{CALLS['order_svc']}")
    assert answered.returncode != 0
    assert "unauthenticated" in answered.stderr
    assert "google.rpc.ErrorInfo" in answered.stderr


@needs_grpcurl
@pytest.mark.parametrize("service", CALLS)
def test_grpcurl_lists_describes_and_calls(stack: Stack, client: RestClient, service: str) -> None:
    address, method = stack.grpc[service], CALLS[service]
    listed = run("grpcurl", "-plaintext", address, "list")
    assert method.partition("/")[0] in listed.stdout.split(), listed.stderr
    described = run("grpcurl", "-plaintext", address, "describe", method.replace("/", "."))
    assert f"rpc {method.partition('/')[2]}" in described.stdout, described.stderr
    header = f"Authorization: Bearer {client.token('admin')}"
    called = run("grpcurl", "-plaintext", "-H", header, "-d", "{}", address, method)
    assert called.returncode == 0, called.stderr
