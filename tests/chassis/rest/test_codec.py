"""The codec against the library's own JSON format, over every message type of the contracts; and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.common.v1 import event_metadata_pb2
from atlas.orders.v1 import order_pb2, order_service_pb2
from chassis.rest.codec import reader, refuse_unsupported, writer
from chassis.rest.descriptors import enum_names, enum_of, is_map, is_message, is_time
from chassis.rest.offence import Offences
from chassis.rest.strict_json import parse
from chassis.rest.timestamps import write_timestamp
from tests.chassis.rest.messages import contract_types, messages

any_message = st.sampled_from(contract_types()).flatmap(messages)
PLACE: Any = order_service_pb2.PlaceOrderRequest
MONEY = {"currency_code": "EUR", "minor_units": 1999}
LINE = {"sku": "LAMP-01", "quantity": 3, "unit_price": MONEY}


def read(descriptor: Descriptor, text: str | bytes) -> tuple[dict[str, Any] | None, Offences]:
    offences = Offences()
    document = parse(text if isinstance(text, bytes) else text.encode(), offences)
    if offences.total:
        return None, offences
    return reader(descriptor)(document, None, offences), offences


def read_message(descriptor: Any, text: str | bytes) -> Message:
    arguments, offences = read(descriptor, text)
    assert not offences.found
    assert arguments is not None
    return message_factory.GetMessageClass(descriptor)(**arguments)


def refusals(text: str | bytes) -> dict[str, str]:
    """The pointers at which PlaceOrder's body is refused, and why."""
    _, offences = read(PLACE.DESCRIPTOR, text)
    assert offences.total == len(offences.found)
    return {offence.pointer: offence.reason for offence in offences.found}


def in_our_style(message: Message) -> dict[str, Any]:
    """What the library writes, brought into our style field by field."""
    theirs = json_format.MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return _restyle(message, theirs)


def _restyle(message: Message, theirs: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    fields: Any = message.DESCRIPTOR.fields
    for field in fields:
        if field.name not in theirs:
            continue
        value = getattr(message, field.name)
        silent = field.type == FieldDescriptor.TYPE_ENUM or field.name == "next_page_token"
        if silent and not field.is_repeated and not field.has_presence and not value:
            continue
        if is_map(field):
            out[field.name] = theirs[field.name]
        elif field.is_repeated:
            out[field.name] = [_restyle_value(field, v, t) for v, t in zip(value, theirs[field.name], strict=True)]
        else:
            out[field.name] = _restyle_value(field, value, theirs[field.name])
    return out


def _restyle_value(field: FieldDescriptor, value: Any, theirs: Any) -> Any:
    if is_time(field):
        return write_timestamp(value)
    if is_message(field):
        return _restyle(value, theirs)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_names(enum_of(field))[value]
    return int(theirs) if isinstance(theirs, str) and isinstance(value, int) else theirs


def truncate(message: Message) -> Message:
    """The message with every time cut to milliseconds, as JSON shows it."""
    for field, value in message.ListFields():
        if is_map(field) or not is_message(field):
            continue
        for one in value if field.is_repeated else [value]:
            if is_time(field):
                one.nanos -= one.nanos % 1_000_000
            else:
                truncate(one)
    return message


@given(any_message)
@settings(max_examples=300, deadline=None)
def test_writes_what_the_library_writes_in_our_style(message: Message) -> None:
    assert json.loads(orjson.dumps(writer(message.DESCRIPTOR)(message))) == in_our_style(message)


@given(any_message, st.booleans())
@settings(max_examples=300, deadline=None)
def test_reads_canonical_json_as_the_library_does(message: Message, snake_case: bool) -> None:
    text = json_format.MessageToJson(message, preserving_proto_field_name=snake_case)
    assert read_message(message.DESCRIPTOR, text) == message


@given(any_message)
@settings(max_examples=300, deadline=None)
def test_reads_back_what_it_writes(message: Message) -> None:
    written = orjson.dumps(writer(message.DESCRIPTOR)(message))
    assert read_message(message.DESCRIPTOR, written) == truncate(message)


def test_unset_optionals_are_omitted_and_the_shape_is_shown() -> None:
    shown = writer(order_pb2.Order.DESCRIPTOR)(order_pb2.Order(order_id="o", state=order_pb2.ORDER_STATE_PLACED))
    assert shown["state"] == "PLACED"
    assert shown["lines"] == []
    assert shown["version"] == 0
    assert not shown.keys() & {"client_reference", "cancel_reason", "net", "create_time"}


def test_a_page_token_is_absent_on_the_last_page() -> None:
    answer = order_service_pb2.ListOrdersResponse()
    assert writer(answer.DESCRIPTOR)(answer) == {"orders": []}


def test_every_offence_is_named() -> None:
    body = {
        "customer_id": 7,
        "currencyCode": "EUR",
        "paymentMethod": None,
        "client_reference": None,
        "nonsense": 1,
        "lines": [LINE | {"quantity": "three"}, 4, LINE | {"unit_price": {"minor_units": 2**63}, "no~such/field": 1}],
    }
    assert refusals(json.dumps(body)) == {
        "/customer_id": "MALFORMED_JSON",
        "/paymentMethod": "MALFORMED_JSON",
        "/nonsense": "UNKNOWN_FIELD",
        "/lines/0/quantity": "MALFORMED_JSON",
        "/lines/1": "MALFORMED_JSON",
        "/lines/2/unit_price/minor_units": "MALFORMED_JSON",
        "/lines/2/no~0such~1field": "UNKNOWN_FIELD",
    }


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("{", ""),
        ("[]", ""),
        ("null", ""),
        ('"text"', ""),
        ("{'a': 1}", ""),
        ('{"lines": []} x', ""),
        (b'{"customer_id": "\xff"}', ""),
        (b"\xef\xbb\xbf{}", ""),
        ("[" * 100_000, ""),
        ('{"lines": NaN}', "/lines"),
        ('{"lines": [{"quantity": NaN}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": Infinity}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": -Infinity}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": 1e400}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": 1.5}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": 9223372036854775808}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": -9223372036854775809}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": %s}]}' % ("9" * 5000), "/lines/0/quantity"),
        ('{"lines": [{"discount_basis_points": 2147483648}]}', "/lines/0/discount_basis_points"),
        ('{"lines": [{"quantity": true}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": "0x10"}]}', "/lines/0/quantity"),
        ('{"lines": [{"quantity": " 1"}]}', "/lines/0/quantity"),
        ('{"lines": {"0": {}}}', "/lines"),
        ('{"customer_id": "a", "customer_id": "b"}', "/customer_id"),
        ('{"customer_id": "a", "customerId": "b"}', "/customerId"),
        ('{"lines": [{"unit_price": {"minor_units": 1, "minor_units": 2}}]}', "/lines/0/unit_price/minor_units"),
        ('{"lines": [null]}', "/lines/0"),
        ('{"lines": [{"unit_price": null}]}', "/lines/0/unit_price"),
        ('{"customer_id": "\\ud800"}', "/customer_id"),
        ('{"customer_id": "a\\u0000"}', "/customer_id"),
    ],
)
def test_refuses_what_is_no_json_of_this_type(text: str | bytes, pointer: str) -> None:
    assert refusals(text) == {pointer: "MALFORMED_JSON"}


def test_reports_each_repeated_key_once() -> None:
    _, offences = read(PLACE.DESCRIPTOR, '{"customer_id": "a", "customer_id": "b", "customer_id": "c"}')
    assert [offence.pointer for offence in offences.found] == ["/customer_id"]


@pytest.mark.parametrize("text", ["950", '"950"', "950.0", "9.5e2"])
def test_accepts_every_spelling_of_an_integer(text: str) -> None:
    message = read_message(PLACE.DESCRIPTOR, f'{{"lines": [{{"quantity": {text}}}]}}')
    assert message == PLACE(lines=[{"quantity": 950}])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("OUT_OF_STOCK", order_pb2.CANCEL_REASON_OUT_OF_STOCK),
        ("CANCEL_REASON_OUT_OF_STOCK", order_pb2.CANCEL_REASON_OUT_OF_STOCK),
        ("out_of_stock", None),
        ("NO_SUCH_REASON", None),
        (2, None),
    ],
)
def test_enum_values_are_exact(text: str | int, reason: int | None) -> None:
    arguments, offences = read(order_service_pb2.CancelOrderRequest.DESCRIPTOR, json.dumps({"reason": text}))
    assert arguments == {"reason": reason}
    assert [offence.pointer for offence in offences.found] == ([] if reason else ["/reason"])


def test_null_is_absence_where_the_contract_says_optional() -> None:
    assert read_message(PLACE.DESCRIPTOR, '{"client_reference": null}') == PLACE()


def test_fields_of_the_path_are_not_of_the_body() -> None:
    offences = Offences()
    reader(order_service_pb2.CancelOrderRequest.DESCRIPTOR, frozenset({"order_id"}))({"order_id": "x"}, None, offences)
    assert [(o.pointer, o.reason) for o in offences.found] == [("/order_id", "UNKNOWN_FIELD")]


def test_maps_are_read_and_written() -> None:
    metadata = event_metadata_pb2.EventMetadata(metadata={"a": "1", "ä": "2"})
    shown = writer(metadata.DESCRIPTOR)(metadata)
    assert shown["metadata"] == {"a": "1", "ä": "2"}
    assert read_message(metadata.DESCRIPTOR, json.dumps(shown)) == metadata


def test_only_the_first_thousand_offences_are_listed() -> None:
    _, offences = read(PLACE.DESCRIPTOR, json.dumps({"lines": [1] * 1_500}))
    assert (offences.total, len(offences.found)) == (1_500, 1_000)


@pytest.mark.parametrize("name", ["google.protobuf.DoubleValue", "google.protobuf.Struct"])
def test_floating_point_and_recursion_are_refused_when_compiling(name: str) -> None:
    from google.protobuf import descriptor_pool, struct_pb2, wrappers_pb2

    assert {struct_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name}
    with pytest.raises(TypeError):
        refuse_unsupported(descriptor_pool.Default().FindMessageTypeByName(name))
