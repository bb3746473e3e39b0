"""contract_diff sees each kind of break that stands in our options, and leaves everything else alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto

from atlas.common.v1 import options_pb2
from buf.validate import validate_pb2
from tools import contract_diff, image

Change = Callable[[FileDescriptorSet], object]


@pytest.fixture(scope="module")
def contract() -> FileDescriptorSet:
    return image.build()


def _message(contract: FileDescriptorSet, name: str) -> DescriptorProto:
    return next(message.proto for message in image.messages(contract) if message.name == f"atlas.orders.v1.{name}")


def _field(contract: FileDescriptorSet, message: str, name: str) -> FieldDescriptorProto:
    return next(field for field in _message(contract, message).field if field.name == name)


def _method(contract: FileDescriptorSet, name: str) -> MethodDescriptorProto:
    return next(method.proto for method in image.methods(contract) if method.name.endswith(f".{name}"))


def _rules(contract: FileDescriptorSet, message: str, name: str) -> validate_pb2.FieldRules:
    return _field(contract, message, name).options.Extensions[validate_pb2.field]


def _event(contract: FileDescriptorSet) -> options_pb2.EventOptions:
    return _message(contract, "OrderPlaced").options.Extensions[options_pb2.event]


def _policy(contract: FileDescriptorSet, name: str) -> options_pb2.MethodPolicy:
    return _method(contract, name).options.Extensions[options_pb2.policy]


def _http(contract: FileDescriptorSet, name: str) -> Any:
    return next(image.http_rule(method) for method in image.methods(contract) if method.name.endswith(f".{name}"))


def _message_rules(contract: FileDescriptorSet, message: str) -> validate_pb2.MessageRules:
    return _message(contract, message).options.Extensions[validate_pb2.message]


def _without_method(contract: FileDescriptorSet) -> None:
    service = next(file for file in contract.file if file.name.endswith("order_service.proto")).service[0]
    service.method.remove(_method(contract, "QuoteOrder"))


def _other_cel(contract: FileDescriptorSet) -> None:
    _message_rules(contract, "PlaceOrderRequest").cel[0].expression = "false"


def _no_longer_optional(contract: FileDescriptorSet) -> None:
    _rules(contract, "Shipment", "lines").repeated.min_items = 1


def _fewer_reasons(contract: FileDescriptorSet) -> None:
    getattr(_rules(contract, "CancelOrderRequest", "reason").enum, "in").remove(2)


def _set(target: Callable[[FileDescriptorSet], Any], **values: object) -> Change:
    def change(contract: FileDescriptorSet) -> None:
        for name, value in values.items():
            setattr(target(contract), name, value)

    return change


BREAKS: dict[str, tuple[Change, str]] = {
    "topic": (_set(_event, topic="atlas.orders.v2"), "topic was 'atlas.orders.v1'"),
    "key": (_set(_event, key_field="customer_id"), "key_field was 'order_id'"),
    "event unrouted": (
        lambda new: _message(new, "OrderPlaced").options.ClearExtension(cast(Any, options_pb2.event)),
        "topic was 'atlas.orders.v1', is None",
    ),
    "method removed": (_without_method, "route was 'POST /v1/orders/quote', is None"),
    "route moved": (_set(lambda new: _http(new, "GetOrder"), get="/v1/order/{order_id}"), "route was"),
    "verb changed": (_set(lambda new: _http(new, "GetOrder"), post="/v1/orders/{order_id}"), "route was"),
    "body changed": (_set(lambda new: _http(new, "GetOrder"), response_body=""), "body was"),
    "scope added": (lambda new: _policy(new, "GetOrder").scopes.append("orders:write"), "scopes was ['orders:read']"),
    "key needed": (_set(lambda new: _policy(new, "QuoteOrder"), idempotency=2), "idempotency was 1, is 2"),
    "people only": (_set(lambda new: _policy(new, "CancelOrder"), human_only=True), "human_only was False"),
    "status": (_set(lambda new: _policy(new, "CancelOrder"), success_status=200), "success_status was 202"),
    "floor raised": (_set(lambda new: _rules(new, "OrderLineInput", "quantity").int64, gte=2), "int64.gte was 1, is 2"),
    "ceiling lowered": (_set(lambda new: _rules(new, "OrderLineInput", "quantity").int64, lte=5), "int64.lte was 1000000"),
    "pattern": (_set(lambda new: _rules(new, "OrderLineInput", "sku").string, pattern="^a$"), "string.pattern was"),
    "now required": (_set(lambda new: _rules(new, "CancelOrderRequest", "comment"), required=True), "required was None"),
    "values removed": (_fewer_reasons, "enum.in was ['1', '2', '3', '4']"),
    "values forbidden": (
        lambda new: _rules(new, "ListOrdersRequest", "state").repeated.items.enum.not_in.append(3),
        "repeated.items.enum.not_in was ['0']",
    ),
    "rule added": (_no_longer_optional, "repeated.min_items was None"),
    "expression": (_other_cel, "cel[lines.currency] was"),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda new: None,
    "consumer added": lambda new: _event(new).consumers.append("audit-svc"),
    "refining scope": lambda new: _policy(new, "GetOrder").refining_scopes.append("orders:price"),
    "floor lowered": _set(lambda new: _rules(new, "OrderLineInput", "quantity").int64, gte=0),
    "ceiling raised": _set(lambda new: _rules(new, "OrderLineInput", "quantity").int64, lte=2_000_000),
    "rule removed": lambda new: _rules(new, "OrderLineInput", "sku").Clear(),
    "value allowed": lambda new: getattr(_rules(new, "CancelOrderRequest", "reason").enum, "in").append(5),
    "other example": lambda new: _rules(new, "OrderLineInput", "quantity").int64.example.append(9),
    "new field with a rule": lambda new: _message(new, "OrderPlaced").field.append(
        FieldDescriptorProto(name="added", options=_field(new, "OrderLineInput", "sku").options)
    ),
}


@pytest.mark.parametrize(("change", "expected"), BREAKS.values(), ids=BREAKS)
def test_a_break_is_named(contract: FileDescriptorSet, change: Change, expected: str) -> None:
    new = FileDescriptorSet.FromString(contract.SerializeToString())
    change(new)
    assert any(expected in line for line in contract_diff.breaks(contract, new))


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_harms_nobody_is_not_a_break(contract: FileDescriptorSet, change: Change) -> None:
    new = FileDescriptorSet.FromString(contract.SerializeToString())
    change(new)
    assert contract_diff.breaks(contract, new) == []
