"""JSON to protobuf and back, compiled once per message type.

Out: snake_case names, 64-bit integers as numbers, enum values without their type's prefix, times as RFC 3339 UTC with
three decimals. What has no presence is always shown, except an enum that was never set and an empty next_page_token;
what has presence is shown when it is set. In: the same, and canonical ProtoJSON (camelCase, integers as strings, full
enum names). An integer may be written `950.0`: JSON Schema calls that an integer too. `null` means absent, and is
accepted only where the contract says `optional`. Floating point and recursive types are refused when compiling.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.rest.descriptors import (
    TIMESTAMP,
    enum_names,
    enum_of,
    is_map,
    is_message,
    is_optional,
    is_time,
    message_of,
)
from chassis.rest.offence import Offences, Place, type_name
from chassis.rest.strict_json import RepeatedKeys, Unreadable
from chassis.rest.timestamps import NotATime, read_timestamp, write_timestamp

Write = Callable[[Any], Any]
Read = Callable[[Any, Place, Offences], Any]

_ABSENT_WHEN_EMPTY = frozenset({"next_page_token"})
_EXACT_FLOAT = 2**53
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_F = FieldDescriptor
_BOUNDS = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), (-(2**31), 2**31 - 1)),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), (-(2**63), 2**63 - 1)),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), (0, 2**64 - 1)),
}


def refuse_unsupported(descriptor: Descriptor, above: tuple[str, ...] = ()) -> None:
    """Raise TypeError for a type that the codec does not carry."""
    if descriptor.full_name in above:
        raise TypeError(f"{descriptor.full_name} contains itself; the JSON codec refuses recursive types")
    if descriptor.full_name == TIMESTAMP:
        return
    for field in descriptor.fields:
        if field.type in (_F.TYPE_DOUBLE, _F.TYPE_FLOAT, _F.TYPE_GROUP):
            raise TypeError(f"{field.full_name} is floating point; the contracts have none")
        if is_message(field):
            refuse_unsupported(message_of(field), (*above, descriptor.full_name))


@cache
def writer(descriptor: Descriptor) -> Callable[[Message], dict[str, Any]]:
    """Compile the function that turns messages of one type into what orjson writes."""
    refuse_unsupported(descriptor)
    return _write_message(descriptor)


def shows_always(field: FieldDescriptor) -> bool:
    """Whether every answer shows the field, set or not."""
    return not field.has_presence and not _omits_empty(field)


def _write_message(descriptor: Descriptor) -> Write:
    fields = [(f.name, f.has_presence, _omits_empty(f), _write_field(f)) for f in descriptor.fields]

    def write(message: Message) -> dict[str, Any]:
        has, out = message.HasField, {}
        for name, presence, omits_empty, convert in fields:
            if presence and not has(name):
                continue
            value = getattr(message, name)
            if omits_empty and not value:
                continue
            out[name] = convert(value) if convert else value
        return out

    return write


def _omits_empty(field: FieldDescriptor) -> bool:
    never_set = field.type == _F.TYPE_ENUM and not field.is_repeated
    return not field.has_presence and (never_set or field.name in _ABSENT_WHEN_EMPTY)


def _write_field(field: FieldDescriptor) -> Write | None:
    if is_map(field):
        item = _write_value(message_of(field).fields_by_name["value"]) or _as_it_is
        return lambda entries: {str(key): item(value) for key, value in entries.items()}
    one = _write_value(field)
    if not field.is_repeated:
        return one
    return (lambda values: [one(value) for value in values]) if one else list


def _as_it_is(value: Any) -> Any:
    return value


def _write_value(field: FieldDescriptor) -> Write | None:
    if is_message(field):
        return write_timestamp if is_time(field) else _write_message(message_of(field))
    if field.type == _F.TYPE_ENUM:
        names = enum_names(enum_of(field))
        return lambda number: names.get(number, number)
    if field.type == _F.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode("ascii")
    return None


@cache
def reader(descriptor: Descriptor, fixed: frozenset[str] = frozenset()) -> Read:
    """Compile the function that turns a parsed object into constructor arguments of one message type.

    `fixed` names fields that come from elsewhere (the path), which the object may not set.
    """
    refuse_unsupported(descriptor)
    return _read_message(descriptor, fixed)


def _read_message(descriptor: Descriptor, fixed: frozenset[str] = frozenset()) -> Read:
    fields: dict[str, tuple[str, Read, bool]] = {}
    for field in descriptor.fields:
        if field.name not in fixed:
            fields[field.name] = fields[field.json_name] = (field.name, _read_field(field), is_optional(field))
    choices = [{f.name for f in oneof.fields} for oneof in descriptor.oneofs if len(oneof.fields) > 1]

    def read(value: Any, place: Place, offences: Offences) -> Any:
        if not _is_object(value, place, offences):
            return None
        out: dict[str, Any] = {}
        for key, item in value.items():
            known = fields.get(key)
            if known is None:
                offences.unknown((place, key), "is set by the path" if key in fixed else "there is no such field here")
                continue
            name, read_item, optional = known
            if name in out:
                offences.malformed((place, key), "the field is given twice")
            elif item is not None:
                out[name] = read_item(item, (place, key), offences)
            elif not optional:
                offences.malformed((place, key), "must not be null")
        for choice in choices:
            if len(given := choice & out.keys()) > 1:
                offences.malformed(place, f"only one of {', '.join(sorted(given))} may be given")
        return out

    return read


def _is_object(value: Any, place: Place, offences: Offences) -> bool:
    if type(value) is dict:
        return True
    if isinstance(value, RepeatedKeys):
        for key in value.repeated:
            offences.malformed((place, key), "the key is given twice")
        return True
    _wrong(value, place, offences, "an object")
    return False


def _wrong(value: Any, place: Place, offences: Offences, expected: str) -> Any:
    """Note a value of another type than the field's."""
    if isinstance(value, Unreadable):
        offences.malformed(place, value.detail)
    else:
        offences.malformed(place, f"must be {expected}, not {type_name(value)}")


def _read_field(field: FieldDescriptor) -> Read:
    if is_map(field):
        return _read_map(message_of(field))
    read_one = read_value(field)
    if not field.is_repeated:
        return read_one

    def read(value: Any, place: Place, offences: Offences) -> Any:
        if type(value) is not list:
            return _wrong(value, place, offences, "an array")
        return [read_one(item, (place, index), offences) for index, item in enumerate(value)]

    return read


def _read_map(entry: Descriptor) -> Read:
    if entry.fields_by_name["key"].type != _F.TYPE_STRING:
        raise TypeError(f"{entry.full_name}: only maps with string keys are supported")
    read_one = read_value(entry.fields_by_name["value"])

    def read(value: Any, place: Place, offences: Offences) -> Any:
        if not _is_object(value, place, offences):
            return None
        return {_text(key, (place, key), offences): read_one(item, (place, key), offences) for key, item in value.items()}

    return read


def read_value(field: FieldDescriptor) -> Read:
    """Compile the function that reads one value of a field."""
    if is_message(field):
        return _timestamp if is_time(field) else _read_message(message_of(field))
    if field.type == _F.TYPE_ENUM:
        return _read_enum(enum_of(field))
    if field.type in _BOUNDS:
        return _read_integer(*_BOUNDS[field.type])
    return {_F.TYPE_BOOL: _boolean, _F.TYPE_BYTES: _bytes}.get(field.type, _text)


def _read_enum(enum: EnumDescriptor) -> Read:
    short = enum_names(enum)
    numbers = {name: number for number, name in short.items()} | {v.name: v.number for v in enum.values}
    choice = ", ".join(name for number, name in short.items() if number)

    def read(value: Any, place: Place, offences: Offences) -> Any:
        if type(value) is not str:
            return _wrong(value, place, offences, "a string")
        if (number := numbers.get(value)) is None:
            return offences.malformed(place, f"must be one of {choice}")
        return number

    return read


def _read_integer(lowest: int, highest: int) -> Read:
    def read(value: Any, place: Place, offences: Offences) -> Any:
        if type(value) is not int:
            if not _is_integral(value):
                return _wrong(value, place, offences, "a whole number")
            value = int(value)
        if not lowest <= value <= highest:
            return offences.malformed(place, f"must be between {lowest} and {highest}")
        return value

    return read


def _is_integral(value: Any) -> bool:
    if type(value) is str:
        return _INTEGER.fullmatch(value) is not None
    return type(value) is float and value.is_integer() and abs(value) <= _EXACT_FLOAT


def _text(value: Any, place: Place, offences: Offences) -> Any:
    if type(value) is not str:
        return _wrong(value, place, offences, "a string")
    if "\0" in value:
        return offences.malformed(place, "must not contain U+0000")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        return offences.malformed(place, "contains half of a surrogate pair")
    return value


def _boolean(value: Any, place: Place, offences: Offences) -> Any:
    return value if type(value) is bool else _wrong(value, place, offences, "a boolean")


def _bytes(value: Any, place: Place, offences: Offences) -> Any:
    if type(value) is not str:
        return _wrong(value, place, offences, "a base64 string")
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return offences.malformed(place, "must be base64")


def _timestamp(value: Any, place: Place, offences: Offences) -> Any:
    if type(value) is not str:
        return _wrong(value, place, offences, "a string")
    try:
        return read_timestamp(value)
    except NotATime:
        return offences.malformed(place, "must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z")
