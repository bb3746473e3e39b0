"""The one module that knows the validation library: it checks a message against the rules in its contract."""

from __future__ import annotations

import protovalidate
from google.protobuf.message import Message

from chassis.errors import Violation

MAX_VIOLATIONS = 25

_validator = protovalidate.Validator()


def violations(message: Message) -> tuple[Violation, ...]:
    """Return the first 25 broken rules, in the contract's order; none means that the message is valid."""
    found = _validator.collect_violations(message)
    return tuple(Violation(_path(v), v.proto.rule_id, v.proto.message) for v in found[:MAX_VIOLATIONS])


def _path(violation: protovalidate.Violation) -> str:
    """Write the place as `lines[0].sku`; a rule about the whole message has an empty one."""
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += f".{element.field_name}" if path else str(element.field_name)
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    return path
