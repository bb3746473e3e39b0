"""Reads from the descriptors what the contracts say: envelopes, topics, keys, policies, the meaning of an error reason."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message

from atlas.common.v1 import error_reason_pb2, options_pb2

REASON_PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type: its payload class, the arm of the envelope it fills, and its routing."""

    name: str
    payload: type[Message]
    envelope: type[Message]
    arm: str
    topic: str
    key_field: str
    producer: str
    consumers: tuple[str, ...]


class EventCatalog:
    """Every event type of the given generated `*_events_pb2` modules."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self.types = [t for module in modules for t in _event_types(module.DESCRIPTOR)]
        self.by_payload = {t.payload: t for t in self.types}
        self.by_name = {t.name: t for t in self.types}
        self.envelopes = {t.topic: t.envelope for t in self.types}


def _event_types(file: FileDescriptor) -> list[EventType]:
    result = []
    for envelope in file.message_types_by_name.values():
        oneof = envelope.oneofs_by_name.get("payload")
        if oneof is None or "metadata" not in envelope.fields_by_name:
            continue
        for arm in oneof.fields:
            assert arm.message_type is not None, "payload arms are messages"  # noqa: S101 - narrows for the type checker
            options = arm.message_type.GetOptions().Extensions[options_pb2.event]
            result.append(
                EventType(
                    name=arm.message_type.name,
                    payload=_class(arm.message_type),
                    envelope=_class(envelope),
                    arm=arm.name,
                    topic=options.topic,
                    key_field=options.key_field,
                    producer=options.producer,
                    consumers=tuple(options.consumers),
                )
            )
    return result


def _class(descriptor: Descriptor) -> type[Message]:
    return message_factory.GetMessageClass(descriptor)


def policy_of(method: MethodDescriptor) -> options_pb2.MethodPolicy | None:
    """Return the policy of an RPC, or None where the contract has none (then nobody may call it)."""
    options = method.GetOptions()
    return options.Extensions[options_pb2.policy] if options.HasExtension(options_pb2.policy) else None


@functools.cache
def error_options(reason: str) -> options_pb2.ErrorOptions:
    """Return what an error reason, named without prefix, means. An unknown reason is a programming error: KeyError."""
    value = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values_by_name[REASON_PREFIX + reason]
    return value.GetOptions().Extensions[options_pb2.error]
