"""Validation rules of the contracts as JSON Schema keywords."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from chassis.rest.descriptors import enum_names, enum_of, is_map

Keywords = dict[str, Any]
_NUMBERS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum", "const": "const"}
_STRINGS = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern", "const": "const"}
_FORMATS = ("uuid", "email", "uri", "hostname")
_ARRAYS = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
_MAPS = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}


def field_rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """Return the rules of a field."""
    return cast("validate_pb2.FieldRules", field.GetOptions().Extensions[cast("Any", validate_pb2.field)])


def has_rules(descriptor: Descriptor) -> bool:
    """Whether anything in a message, or below it, has a rule."""
    if descriptor.GetOptions().HasExtension(cast("Any", validate_pb2.message)):
        return True
    for field in descriptor.fields:
        below = field.message_type
        if field.GetOptions().HasExtension(cast("Any", validate_pb2.field)) or (below and has_rules(below)):
            return True
    return False


def message_rules(descriptor: Descriptor) -> list[str]:
    """Return the rules about a message as a whole, in words."""
    rules: Any = descriptor.GetOptions().Extensions[cast("Any", validate_pb2.message)]
    return [rule.message for rule in rules.cel]


def keywords(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Keywords:
    """Translate the rules of one value into JSON Schema keywords and examples."""
    kind = rules.WhichOneof("type")
    if kind is None or kind in ("repeated", "map"):
        return {}
    typed: Message = getattr(rules, kind)
    if kind == "enum":
        return _enum(field, typed)
    out = _given(typed, _STRINGS if kind == "string" else _NUMBERS)
    if kind == "string" and (formats := [name for name in _FORMATS if getattr(typed, name)]):
        out["format"] = formats[0]
    if allowed := list(getattr(typed, "in", ())):
        out["enum"] = allowed
    if examples := list(getattr(typed, "example", ())):
        out["examples"] = examples
    return out


def array_keywords(rules: validate_pb2.FieldRules) -> Keywords:
    """Translate the rules of a repeated field."""
    return _given(rules.repeated, _ARRAYS)


def map_keywords(rules: validate_pb2.FieldRules) -> Keywords:
    """Translate the rules of a map."""
    return _given(rules.map, _MAPS)


def is_required(field: FieldDescriptor) -> bool:
    """Whether leaving the field out of a request breaks its rules."""
    rules = field_rules(field)
    if rules.required:
        return True
    if field.has_presence or rules.ignore != validate_pb2.IGNORE_UNSPECIFIED:
        return False
    if is_map(field):
        return rules.map.min_pairs > 0
    if field.is_repeated:
        return rules.repeated.min_items > 0
    return not _accepts_default(field, keywords(field, rules))


def _accepts_default(field: FieldDescriptor, words: Keywords) -> bool:
    if field.type == FieldDescriptor.TYPE_ENUM:
        return "enum" not in words
    if field.type == FieldDescriptor.TYPE_STRING:
        constrained = words.get("minLength", 0) > 0 or "pattern" in words or "format" in words or "enum" in words
        return not constrained
    return bool(
        words.get("minimum", 0) <= 0 <= words.get("maximum", 0)
        and words.get("exclusiveMinimum", -1) < 0 < words.get("exclusiveMaximum", 1)
        and words.get("const", 0) == 0
    )


def _enum(field: FieldDescriptor, rules: Any) -> Keywords:
    names = enum_names(enum_of(field))
    allowed = list(getattr(rules, "in")) or [number for number in names if number not in rules.not_in]
    words: Keywords = {}
    if getattr(rules, "in") or rules.not_in:
        words["enum"] = [names[number] for number in allowed if number]
    if rules.example:
        words["examples"] = [names[number] for number in rules.example]
    return words


def _given(rules: Message, table: dict[str, str]) -> Keywords:
    given = {field.name for field, _ in rules.ListFields()}
    return {word: getattr(rules, rule) for rule, word in table.items() if rule in given}
