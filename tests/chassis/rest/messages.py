"""Hypothesis strategies for messages of the real contracts."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from chassis.rest.codec import _BOUNDS
from chassis.rest.descriptors import enum_of, is_map, is_message, is_time, message_of
from chassis.rest.routes import HTTP_BODY
from gateway.services import all_routes

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_SECONDS = st.integers(-62_135_596_800, 253_402_300_799)


def contract_types() -> list[Descriptor]:
    """Every message type that REST reads or writes as a whole; those with a document in them are no JSON."""
    found = {d.full_name: d for route in all_routes() for d in (route.rpc.input_type, route.rpc.output_type)}
    return [found[name] for name in sorted(found) if not any(_is_document(field) for field in found[name].fields)]


def _is_document(field: FieldDescriptor) -> bool:
    return is_message(field) and message_of(field).full_name == HTTP_BODY


def messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Messages of one type, with any of their fields set."""
    made = message_factory.GetMessageClass(descriptor)
    return _arguments(descriptor).map(lambda arguments: made(**arguments))


def _arguments(descriptor: Descriptor) -> st.SearchStrategy[dict[str, Any]]:
    fields = {field.name: _field(field) for field in descriptor.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda chosen: _one_of_each_oneof(descriptor, chosen))


def _one_of_each_oneof(descriptor: Descriptor, chosen: dict[str, Any]) -> dict[str, Any]:
    for oneof in descriptor.oneofs:
        for extra in [f.name for f in oneof.fields if f.name in chosen][1:]:
            del chosen[extra]
    return chosen


def _field(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if is_map(field):
        return st.dictionaries(_TEXT, _value(message_of(field).fields_by_name["value"]), max_size=2)
    return st.lists(_value(field), max_size=2) if field.is_repeated else _value(field)


def _value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if is_time(field):
        return st.builds(dict, seconds=_SECONDS, nanos=st.integers(0, 999_999_999))
    if is_message(field):
        return _arguments(message_of(field))
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.sampled_from([value.number for value in enum_of(field).values])
    if field.type in _BOUNDS:
        return st.integers(*_BOUNDS[field.type])
    simple: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    }
    return simple.get(field.type, _TEXT)
