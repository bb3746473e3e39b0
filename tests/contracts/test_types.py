"""What holds for every field, enum and file of the contracts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from atlas.common.v1 import error_reason_pb2, options_pb2
from buf.validate import validate_pb2
from tests.contracts import schema

EXACT_IN_JSON = 2**53 - 1
FLOATS = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}
UNBOUNDED = {
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}
MAX_LINES = 300


def test_no_field_is_a_float() -> None:
    assert [field.full_name for field in schema.fields() if field.type in FLOATS] == []


def test_every_int64_is_exact_in_json() -> None:
    loose = []
    for field in schema.fields():
        rules = field.GetOptions().Extensions[validate_pb2.field].int64
        bounded = (rules.HasField("lte") and rules.lte <= EXACT_IN_JSON) or (rules.HasField("lt") and rules.lt <= EXACT_IN_JSON)
        floored = not rules.HasField("gte") or rules.gte >= -EXACT_IN_JSON
        if field.type in UNBOUNDED or (field.type == FieldDescriptor.TYPE_INT64 and not (bounded and floored)):
            loose.append(field.full_name)
    assert loose == []


@pytest.mark.parametrize("enum", schema.ENUMS, ids=lambda enum: enum.full_name)
def test_an_enum_starts_with_a_value_that_means_nothing(enum: EnumDescriptor) -> None:
    prefix = re.sub(r"(?<!^)([A-Z])", r"_\1", enum.name).upper()
    assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"
    assert all(name.startswith(f"{prefix}_") for name in enum.values_by_name)


def test_enums_stand_at_the_top() -> None:
    assert [message.full_name for message in schema.MESSAGES if message.enum_types] == []


def test_every_error_reason_says_what_it_means() -> None:
    statuses = {}
    for value in error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values:
        if value.number:
            options = value.GetOptions().Extensions[options_pb2.error]
            assert options.grpc_code, value.name
            assert options.title, value.name
            assert options.remedy, value.name
            statuses[value.name] = options.http_status
    assert statuses
    assert all(400 <= status < 600 for status in statuses.values())


@pytest.mark.parametrize("path", sorted(schema.ROOT.glob("proto/**/*.proto")), ids=lambda path: path.name)
def test_a_proto_file_is_short(path: Path) -> None:
    assert sum(1 for line in path.read_text("utf-8").splitlines() if line.strip()) <= MAX_LINES
