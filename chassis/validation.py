"""The one module that knows the validation library: it checks a message against the rules in its contract."""

from __future__ import annotations

from collections.abc import Iterator

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chassis.errors import Violation

MAX_VIOLATIONS = 25

_validator = protovalidate.Validator()


def violations(message: Message) -> tuple[Violation, ...]:
    """Return the first 25 broken rules, in the contract's order; none means that the message is valid."""
    found = _validator.collect_violations(message)
    broken = [Violation(_path(v), v.proto.rule_id, v.proto.message) for v in found]
    if b"\0" in message.SerializeToString():
        broken += [Violation(path, "string.no_nul", "must not contain NUL") for path in _with_nul(message, "")]
    return tuple(broken[:MAX_VIOLATIONS])


def _path(violation: protovalidate.Violation) -> str:
    """Write the place as `lines[0].sku`; a rule about the whole message has an empty one."""
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += f".{element.field_name}" if path else str(element.field_name)
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    return path


def _with_nul(message: Message, prefix: str) -> Iterator[str]:
    """Name the texts that hold a NUL, which no database of ours can keep."""
    for field, value in message.ListFields():
        if field.type not in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE):
            continue
        path = f"{prefix}{field.name}"
        places = [(f"{path}[{n}]", item) for n, item in enumerate(value)] if field.is_repeated else [(path, value)]
        for place, item in places:
            if isinstance(item, Message):
                yield from _with_nul(item, f"{place}.")
            elif "\0" in item:
                yield place
