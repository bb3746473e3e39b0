"""Example requests, put together from the examples of their fields."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.rest.descriptors import is_map, is_message, is_time, message_of
from chassis.rest.openapi import rules

FUTURE = "2099-01-31T12:00:00.000Z"
"""The example of a time that has to be given; what is planned may not be in the past."""


def example(descriptor: Descriptor, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Make an example of a message: what is required, and what has an example of its own."""
    out: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.name not in without and (value := _value(field)) is not None:
            out[field.name] = value
    return out


def _value(field: FieldDescriptor) -> Any:
    if is_map(field):
        return None
    if is_time(field):
        return FUTURE if rules.is_required(field) else None
    ruled = rules.field_rules(field)
    if is_message(field):
        if not rules.is_required(field):
            return None
        one: Any = example(message_of(field))
    else:
        examples = rules.keywords(field, ruled.repeated.items if field.is_repeated else ruled).get("examples")
        if not examples:
            return None
        one = examples[0]
    return [one] if field.is_repeated else one
