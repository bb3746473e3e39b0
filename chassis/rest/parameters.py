"""Query parameters and path variables to constructor arguments of the request message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.rest.codec import Read, read_value
from chassis.rest.descriptors import is_map, is_message, is_time
from chassis.rest.offence import Offences, Place

ReadQuery = Callable[[bytes, Offences], dict[str, Any]]
_BOOLEANS = {"true": True, "false": False}


def is_flat(field: FieldDescriptor) -> bool:
    """Whether the field can be a query parameter: a scalar, an enum, a time, or several of one."""
    return not is_map(field) and (not is_message(field) or is_time(field))


def split(query: bytes) -> Iterable[tuple[str, str]]:
    """Split a query string into decoded pairs; UnicodeDecodeError when it is not valid UTF-8."""
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            yield _decode(name), _decode(value)


def _decode(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")


@cache
def query_reader(descriptor: Descriptor, allowed: frozenset[str]) -> ReadQuery:
    """Compile the function that reads a query string into the allowed fields of one message type."""
    fields: dict[str, tuple[FieldDescriptor, Read]] = {}
    for field in descriptor.fields:
        if field.name in allowed and is_flat(field):
            fields[field.name] = fields[field.json_name] = (field, text_reader(field))

    def read(query: bytes, offences: Offences) -> dict[str, Any]:
        out: dict[str, Any] = {}
        try:
            pairs = list(split(query))
        except UnicodeDecodeError:
            offences.malformed(None, "the query string is not valid UTF-8")
            return out
        for name, text in pairs:
            place = (None, name)
            if name not in fields:
                offences.unknown(place, "there is no such query parameter here")
                continue
            field, read_one = fields[name]
            value = read_one(text, place, offences)
            if field.is_repeated:
                out.setdefault(field.name, []).append(value)
            elif field.name in out:
                offences.malformed(place, "the parameter is given twice")
            else:
                out[field.name] = value
        return out

    return read


def text_reader(field: FieldDescriptor) -> Read:
    """Compile the function that reads one value of a field from text."""
    if field.type != FieldDescriptor.TYPE_BOOL:
        return read_value(field)

    def read(text: str, place: Place, offences: Offences) -> Any:
        return _BOOLEANS[text] if text in _BOOLEANS else offences.malformed(place, "must be true or false")

    return read
