"""The committed OpenAPI document: valid, current, and in agreement with the contracts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from chassis.contracts import error_options
from chassis.rest.request_reader import RequestReader
from chassis.rest.routes import Route
from chassis.validation import violations
from gateway.services import all_routes
from tools import openapi

ROUTES = all_routes()


@pytest.fixture(scope="module")
def document() -> Any:
    """The committed document."""
    return json.loads(openapi.TARGET.read_text("utf-8"))


def operation_of(document: Any, route: Route) -> Any:
    return document["paths"][route.path][route.method.lower()]


def resolved(document: Any, node: Any) -> Any:
    if "$ref" not in node:
        return node
    for part in node["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


def parameters_of(document: Any, route: Route) -> dict[str, Any]:
    found = (resolved(document, node) for node in operation_of(document, route)["parameters"])
    return {parameter["name"]: parameter for parameter in found}


def test_it_is_valid(document: Any) -> None:
    validate(document)


def test_it_is_what_the_contracts_say_today() -> None:
    image = openapi.image_of(openapi.ROOT)
    text = openapi.write(openapi.build(image))
    assert text == openapi.write(openapi.build(image))
    assert text == openapi.TARGET.read_text("utf-8"), "run: python tools/openapi.py"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.full_method)
def test_an_operation_agrees_with_its_policy(document: Any, route: Route) -> None:
    operation, parameters = operation_of(document, route), parameters_of(document, route)
    assert operation["security"] == ([{"bearer": list(route.policy.scopes)}] if route.needs_token else [])
    assert parameters.get("Idempotency-Key", {}).get("required", False) == route.is_keyed
    assert ("requestBody" in operation) == bool(route.body)
    assert str(route.policy.success_status) in operation["responses"]
    statuses = {str(error_options(reason).http_status) for reason in route.policy.error_reasons}
    assert statuses <= operation["responses"].keys()
    success = operation["responses"][str(route.policy.success_status)]
    assert ("Location" in success["headers"]) == (route.policy.success_status == 201)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.full_method)
def test_everything_is_described(document: Any, route: Route) -> None:
    operation = operation_of(document, route)
    assert operation["summary"]
    assert operation["description"]
    assert all(parameter["description"] for parameter in parameters_of(document, route).values())


def test_schemas_differ_where_requests_may_leave_out_what_answers_show(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["MoneyInput"]["required"] == ["currency_code"]
    assert schemas["MoneyInput"]["additionalProperties"] is False
    assert schemas["Money"]["required"] == ["currency_code", "minor_units"]
    assert "client_reference" not in schemas["Order"]["required"]


def test_enum_values_have_no_prefix(document: Any) -> None:
    body = document["paths"]["/v1/orders/{order_id}/cancel"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["reason"]["enum"] == ["CUSTOMER_REQUEST", "OUT_OF_STOCK", "FRAUD", "OTHER"]
    assert body["required"] == ["reason"]
    assert "order_id" not in body["properties"]
    assert body["properties"]["expected_version"] | {"description": ""} == {
        "type": ["integer", "null"],
        "format": "int64",
        "minimum": 1,
        "maximum": 2**53 - 1,
        "description": "",
    }


def test_query_parameters_carry_their_rules(document: Any) -> None:
    route = next(route for route in ROUTES if route.rpc.name == "ListOrders")
    parameters = parameters_of(document, route)
    assert parameters["page_size"]["schema"] | {"description": ""} == {
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "maximum": 200,
        "description": "",
    }
    assert "UNSPECIFIED" not in parameters["state"]["schema"]["items"]["enum"]
    assert parameters["customer_id"]["schema"]["type"] == "string"


def test_examples_of_bodies_are_accepted_by_their_rules(document: Any) -> None:
    for route in ROUTES:
        content = operation_of(document, route).get("requestBody", {}).get("content", {}).get("application/json", {})
        if example := content.get("example"):
            values = ["order" if name == "service" else "01980000-0000-7000-8000-000000000001" for name in route.variables]
            request = RequestReader(route).read(values, b"", json.dumps(example).encode(), {})
            assert not violations(request), route.full_method
