"""Event payloads as JSON Schemas: the canonical JSON form of protobuf, with the field names of the contracts."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from chassis.rest.descriptors import enum_of, is_map, is_message, is_time, message_of
from chassis.rest.openapi import rules
from chassis.rest.openapi.comments import Comments

Schema = dict[str, Any]
_F = FieldDescriptor
_WIDE = (_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64, _F.TYPE_FIXED64, _F.TYPE_SFIXED64)
_INTEGER: Schema = {"type": "integer", "format": "int32"}
_SIMPLE: dict[int, Schema] = {
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    **{kind: {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"} for kind in _WIDE},
}


class EventSchemas:
    """Collects the schemas of the message and enum types in use, by full name."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self.components: dict[str, Schema] = {}

    def message(self, descriptor: Descriptor) -> Schema:
        """Return a reference to the schema of a message type, adding it when it is new."""
        name = descriptor.full_name
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._object(descriptor)
        return _reference(name)

    def _object(self, descriptor: Descriptor) -> Schema:
        schema: Schema = {"type": "object", "description": self._comments.get(descriptor.full_name, "")}
        schema["properties"] = {field.name: self._field(field) for field in descriptor.fields}
        if required := [field.name for field in descriptor.fields if rules.is_required(field)]:
            schema["required"] = required
        return schema

    def _field(self, field: FieldDescriptor) -> Schema:
        comment = {"description": self._comments.get(field.full_name, "")}
        ruled = rules.field_rules(field)
        if is_map(field):
            value = message_of(field).fields_by_name["value"]
            return {"type": "object", "additionalProperties": self._value(value, ruled.map.values), **comment}
        if field.is_repeated:
            items = self._value(field, ruled.repeated.items)
            return {"type": "array", "items": items, **rules.array_keywords(ruled), **comment}
        schema = self._value(field, ruled)
        return {"allOf": [schema], **comment} if "$ref" in schema else schema | comment

    def _value(self, field: FieldDescriptor, ruled: Any) -> Schema:
        if is_time(field):
            return {"type": "string", "format": "date-time"}
        if is_message(field):
            return self.message(message_of(field))
        if field.type == _F.TYPE_ENUM:
            return self._enum(enum_of(field))
        words = rules.keywords(field, ruled)
        if field.type in _WIDE:
            words = {}  # limits of a number say nothing about a string
        return _SIMPLE.get(field.type, _INTEGER) | words

    def _enum(self, enum: EnumDescriptor) -> Schema:
        """Name the values an event may have. A newer producer may add some, so a reader takes others as unknown."""
        self.components[enum.full_name] = {
            "type": "string",
            "description": self._comments.get(enum.full_name, ""),
            "enum": [value.name for value in enum.values if value.number],
        }
        return _reference(enum.full_name)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
