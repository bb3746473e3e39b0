"""The route table of the real contracts, and contracts that cannot be served."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from atlas.common.v1 import options_pb2
from atlas.orders.v1 import order_service_pb2
from chassis.rest.route_table import RouteTable
from chassis.rest.routes import ContractError, Route, Service, read_routes

ORDERS = Service(order_service_pb2.DESCRIPTOR.services_by_name["OrderService"], upstream="order")
_numbers = itertools.count(1)
Change = Callable[[descriptor_pb2.MethodDescriptorProto], None]


def a_service(change: Change, **http: Any) -> ServiceDescriptor:
    """A service with one method that takes {id, tags} and answers {thing {id}}, changed before it is built."""
    name = f"rest_test{next(_numbers)}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=name, syntax="proto3")
    request = file.message_type.add(name="Request")
    request.field.add(name="id", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    request.field.add(name="tags", number=2, type="TYPE_STRING", label="LABEL_REPEATED")
    file.message_type.add(name="Thing").field.add(name="id", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    response = file.message_type.add(name="Response")
    response.field.add(name="thing", number=1, type="TYPE_MESSAGE", type_name=f".{name}.Thing", label="LABEL_OPTIONAL")
    response.field.add(name="note", number=2, type="TYPE_STRING", label="LABEL_OPTIONAL")
    method = file.service.add(name="Things").method.add(
        name="Do", input_type=f".{name}.Request", output_type=f".{name}.Response"
    )
    method.options.Extensions[cast("Any", annotations_pb2.http)].CopyFrom(http_pb2.HttpRule(**http))
    policy = options_pb2.MethodPolicy(auth=options_pb2.AUTH_JWT, idempotency=options_pb2.IDEMPOTENCY_KEYED, success_status=200)
    method.options.Extensions[options_pb2.policy].CopyFrom(policy)
    change(method)
    file.dependency.extend(["google/api/annotations.proto", "atlas/common/v1/options.proto"])
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName(f"{name}.Things")


def nothing(_: descriptor_pb2.MethodDescriptorProto) -> None:
    """Change nothing."""


def answers_201(method: descriptor_pb2.MethodDescriptorProto) -> None:
    """Let the method answer 201."""
    method.options.Extensions[options_pb2.policy].success_status = 201


def without_policy(method: descriptor_pb2.MethodDescriptorProto) -> None:
    """Take the policy away."""
    method.options.ClearExtension(cast("Any", options_pb2.policy))


def by_rpc() -> dict[str, Route]:
    return {route.rpc.name: route for route in read_routes([ORDERS])}


def test_a_route_says_all_that_the_contract_says() -> None:
    route = by_rpc()["FulfillOrder"]
    assert (route.method, route.path, route.body) == ("POST", "/v1/orders/{order_id}/fulfillments", "*")
    assert route.full_method == "/atlas.orders.v1.OrderService/FulfillOrder"
    assert route.made.name == "Fulfillment"
    assert route.is_keyed
    assert route.needs_token
    assert route.location == ("v1", "orders", "{order_id}", "fulfillments", "{fulfillment_id}")


def test_only_what_answers_201_has_a_location() -> None:
    assert {name for name, route in by_rpc().items() if route.location} == {"PlaceOrder", "FulfillOrder"}


@pytest.mark.parametrize(
    ("change", "http"),
    [
        (answers_201, {"post": "/v1/things", "body": "*", "response_body": "thing"}),
        (without_policy, {"get": "/v1/things"}),
        (nothing, {"get": "/v1/things/{other}"}),
        (nothing, {"get": "/v1/things/{tags}"}),
        (nothing, {"get": "/v1/things/{id=*}"}),
        (nothing, {"get": "/v1/things/{id}:do"}),
        (nothing, {"post": "/v1/things", "body": "id"}),
        (nothing, {"get": "/v1/things", "response_body": "note"}),
        (nothing, {"get": "/v1/things", "response_body": "absent"}),
        (nothing, {"custom": http_pb2.CustomHttpPattern(kind="LOCK", path="/v1/things")}),
    ],
)
def test_what_cannot_be_served_fails_the_build(change: Change, http: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        read_routes([Service(a_service(change, **http), upstream="x")])


def test_a_service_everywhere_needs_its_name_in_the_path() -> None:
    with pytest.raises(ContractError):
        read_routes([Service(a_service(nothing, get="/v1/things"), upstream_variable="service")])
    assert read_routes([Service(a_service(nothing, get="/v1/{service}/things"), upstream_variable="service")])


def test_one_path_and_method_belong_to_one_rpc() -> None:
    routes = read_routes([Service(a_service(nothing, get="/v1/things"), upstream="x") for _ in range(2)])
    with pytest.raises(ContractError):
        RouteTable(routes)


def test_additional_bindings_are_routes_too() -> None:
    rule = {"get": "/v1/things", "additional_bindings": [http_pb2.HttpRule(get="/v1/stuff")]}
    assert [r.path for r in read_routes([Service(a_service(nothing, **rule), upstream="x")])] == ["/v1/things", "/v1/stuff"]


@pytest.mark.parametrize(
    ("path", "rpcs", "values"),
    [
        ("/v1/orders", {"PlaceOrder", "ListOrders"}, ()),
        ("/v1/orders/quote", {"QuoteOrder"}, ()),
        ("/v1/orders/o1", {"GetOrder"}, ("o1",)),
        ("/v1/orders/a%2Fb%20%C3%A4", {"GetOrder"}, ("a/b ä",)),
        ("/v1/orders/o1/fulfillments/f1", {"GetFulfillment"}, ("o1", "f1")),
    ],
)
def test_paths_lead_to_their_rpcs(path: str, rpcs: set[str], values: tuple[str, ...]) -> None:
    found = RouteTable(read_routes([ORDERS])).find(path)
    assert found is not None
    assert {route.rpc.name for route in found.routes.values()} == rpcs
    assert found.values == values


@pytest.mark.parametrize(
    "path", ["/", "", "/v1", "/v1/orders/", "/v1//orders", "/v1/orders/o1/", "/v1/orders//cancel", "/V1/orders"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert RouteTable(read_routes([ORDERS])).find(path) is None
