"""Message types as JSON Schemas. What a request may leave out, an answer always shows, so the two differ."""

from __future__ import annotations

from typing import Any, Literal

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from chassis.rest.codec import shows_always
from chassis.rest.descriptors import enum_names, enum_of, is_map, is_message, is_optional, is_time, message_of
from chassis.rest.openapi import rules
from chassis.rest.openapi.comments import Comments

Schema = dict[str, Any]
Direction = Literal["input", "output"]
_F = FieldDescriptor
_SIMPLE: dict[int, Schema] = {
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    **{kind: {"type": "integer", "format": "int64"} for kind in (_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64)},
    **{kind: {"type": "integer", "minimum": 0} for kind in (_F.TYPE_UINT64, _F.TYPE_FIXED64)},
    **{kind: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1} for kind in (_F.TYPE_UINT32, _F.TYPE_FIXED32)},
    **{kind: {"type": "integer", "format": "int32"} for kind in (_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32)},
}
_NO_NUL = "^[^\\u0000]*$"
_UUID_EXAMPLE = "01980000-0000-7000-8000-000000000001"


class Schemas:
    """Collects the schemas of the message types in use, as components of the document."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self._owners: dict[str, str] = {}
        self.components: dict[str, Schema] = {}

    def message(self, descriptor: Descriptor, direction: Direction) -> Schema:
        """Return a reference to the schema of a message type, adding it when it is new."""
        name = self._name(descriptor, direction)
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self.object(descriptor, direction)
        return {"$ref": f"#/components/schemas/{name}"}

    def object(self, descriptor: Descriptor, direction: Direction, without: frozenset[str] = frozenset()) -> Schema:
        """Write the schema of a message type in place, without some of its fields."""
        fields = [field for field in descriptor.fields if field.name not in without]
        asked = direction == "input"
        required = [f.name for f in fields if (rules.is_required(f) if asked else shows_always(f))]
        schema: Schema = {"type": "object", "properties": {f.name: self.field(f, direction) for f in fields}}
        if required:
            schema["required"] = required
        if asked:
            schema["additionalProperties"] = False
        sentences = [self._comments.get(descriptor.full_name, "")]
        sentences += [f"Rule: {rule}." for rule in rules.message_rules(descriptor)] if asked else []
        return _described(schema, " ".join(filter(None, sentences)))

    def field(self, field: FieldDescriptor, direction: Direction) -> Schema:
        """Write the schema of a field."""
        ruled = rules.field_rules(field)
        asked = direction == "input"
        if is_map(field):
            value = message_of(field).fields_by_name["value"]
            schema: Schema = {"type": "object", "additionalProperties": self._value(value, direction, ruled.map.values)}
            schema |= rules.map_keywords(ruled) if asked else {}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, direction, ruled.repeated.items)}
            schema |= rules.array_keywords(ruled) if asked else {}
        else:
            schema = self._value(field, direction, ruled)
            if asked and is_optional(field):
                schema = _nullable(schema)
        sentences = [self._comments.get(field.full_name, "")]
        sentences += [f"Rule: {rule.message}." for rule in ruled.cel] if asked else []
        return _described(schema, " ".join(filter(None, sentences)))

    def _value(self, field: FieldDescriptor, direction: Direction, ruled: Any) -> Schema:
        if is_time(field):
            return {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}
        if is_message(field):
            return self.message(message_of(field), direction)
        words = rules.keywords(field, ruled)
        schema = self._enum(enum_of(field)) if field.type == _F.TYPE_ENUM else _SIMPLE[field.type]
        if direction == "output":
            words = {key: value for key, value in words.items() if key == "examples"}
        elif schema == _SIMPLE[_F.TYPE_STRING] and not words.keys() & {"pattern", "format", "enum", "const"}:
            words["pattern"] = _NO_NUL
        if words.get("format") == "uuid":
            words.setdefault("examples", [_UUID_EXAMPLE])
        return schema | words

    def _enum(self, enum: EnumDescriptor) -> Schema:
        names = {number: name for number, name in enum_names(enum).items() if number}
        meanings = (
            f"`{name}`: {self._comments.get(f'{enum.full_name}.{enum.values_by_number[number].name}', '')}"
            for number, name in names.items()
        )
        return {"type": "string", "enum": list(names.values()), "description": " ".join(meanings)}

    def _name(self, descriptor: Descriptor, direction: Direction) -> str:
        package = descriptor.file.package
        name = descriptor.full_name.removeprefix(f"{package}.").replace(".", "")
        if direction == "input" and not name.endswith(("Request", "Input")):
            name += "Input"
        if self._owners.setdefault(name, descriptor.full_name) != descriptor.full_name:
            name = f"{package.split('.')[-2].capitalize()}{name}"
            self._owners.setdefault(name, descriptor.full_name)
        return name


def _described(schema: Schema, text: str) -> Schema:
    if not text:
        return schema
    own = schema.get("description", "")
    return schema | {"description": f"{text} {own}".strip()}


def _nullable(schema: Schema) -> Schema:
    """Let a field that may be absent be null too, which means the same."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    out = schema | {"type": [schema["type"], "null"]}
    return out | {"enum": [*schema["enum"], None]} if "enum" in schema else out
