"""Every generated module, message, enum and RPC of ours, for the tests that walk them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

from chassis.contracts import EventCatalog

ROOT = Path(__file__).parents[2]
CODE = ROOT / "gen" / "python"


def _modules() -> list[ModuleType]:
    paths = (path.relative_to(CODE).with_suffix("") for path in sorted(CODE.glob("atlas/*/v1/*_pb2.py")))
    return [importlib.import_module(".".join(path.parts)) for path in paths]


MODULES = _modules()
FILES: list[FileDescriptor] = [module.DESCRIPTOR for module in MODULES]
MESSAGES: list[Descriptor] = [message for file in FILES for message in file.message_types_by_name.values()]
ENUMS: list[EnumDescriptor] = [enum for file in FILES for enum in file.enum_types_by_name.values()]
METHODS: list[MethodDescriptor] = [
    method for file in FILES for service in file.services_by_name.values() for method in service.methods
]
EVENTS = EventCatalog(MODULES)


def fields() -> Iterator[FieldDescriptor]:
    """Yield every field of every message of ours."""
    for message in MESSAGES:
        yield from message.fields


def http_rule(method: MethodDescriptor) -> http_pb2.HttpRule:
    """Return the HTTP rule of an RPC."""
    extension = cast(Any, annotations_pb2.http)  # the wheel types it as a plain descriptor
    return cast(http_pb2.HttpRule, method.GetOptions().Extensions[extension])


def route(method: MethodDescriptor) -> tuple[str, str]:
    """Return the HTTP method and path of an RPC; two empty strings where it has none."""
    rule = http_rule(method)
    kind = rule.WhichOneof("pattern")
    return (kind.upper(), getattr(rule, kind)) if kind else ("", "")


def answer(method: MethodDescriptor) -> Descriptor:
    """Return the message that is the REST body of a success: the response, or its field named by response_body."""
    name = http_rule(method).response_body
    message = method.output_type.fields_by_name[name].message_type if name else method.output_type
    assert message is not None
    return message
