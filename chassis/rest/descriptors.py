"""What the descriptors say, in the terms the transcoder needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

TIMESTAMP = "google.protobuf.Timestamp"


def message_of(field: FieldDescriptor) -> Descriptor:
    """Return the message type of a message field."""
    return cast("Descriptor", field.message_type)


def enum_of(field: FieldDescriptor) -> EnumDescriptor:
    """Return the enum type of an enum field."""
    return cast("EnumDescriptor", field.enum_type)


def is_message(field: FieldDescriptor) -> bool:
    """Whether the field holds messages."""
    return field.type == FieldDescriptor.TYPE_MESSAGE


def is_time(field: FieldDescriptor) -> bool:
    """Whether the field holds instants."""
    return is_message(field) and message_of(field).full_name == TIMESTAMP


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return is_message(field) and bool(message_of(field).GetOptions().map_entry)


def is_optional(field: FieldDescriptor) -> bool:
    """Whether the contract says `optional`."""
    oneof = field.containing_oneof
    return oneof is not None and oneof.name == f"_{field.name}" and len(oneof.fields) == 1


def enum_names(enum: EnumDescriptor) -> dict[int, str]:
    """Return the values of an enum by number, without the prefix that protobuf's naming rule demands."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix) for value in enum.values}


def http_rules(rpc: MethodDescriptor) -> Iterator[HttpRule]:
    """Yield the HTTP bindings of an RPC; none for one that is not offered over REST."""
    extension = cast("Any", annotations_pb2.http)
    if rpc.GetOptions().HasExtension(extension):
        rule = rpc.GetOptions().Extensions[extension]
        yield rule
        yield from rule.additional_bindings
