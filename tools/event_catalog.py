"""Writes the event catalogue (docs/events/catalog.md) from the contracts and the comments in them.

`python -m tools.event_catalog OUT.md`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

from atlas.common.v1 import options_pb2
from tools import image
from tools.image import Element

HEAD = """# Event catalogue

Generated from `proto/` by `make proto`; do not edit. Each topic carries one message type, its envelope: `metadata`
(see `EventMetadata` at the end) and one of the payloads below. The Kafka key is the value of the key field; the events of
one producer with one key are one stream, in order.
"""
SCALARS = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
Message = Element[DescriptorProto]
Enum = Element[EnumDescriptorProto]


class Catalog:
    """The events of an image, and the types their fields name."""

    def __init__(self, contract: FileDescriptorSet) -> None:
        self._messages = {message.name: message for message in image.messages(contract)}
        self._enums = {enum.name: enum for enum in image.enums(contract)}
        self._events = {name: options for name, message in self._messages.items() if (options := image.event(message))}

    def render(self) -> str:
        """Return the whole catalogue as Markdown."""
        topics = sorted({options.topic for options in self._events.values()})
        lines = [HEAD, "| event | topic | producer | key | consumers |", "|---|---|---|---|---|"]
        lines += [line for topic in topics for line in self._overview(topic)]
        for topic in topics:
            lines += self._topic(topic)
        lines += ["", "## Types", "", "What the fields above name, by package."]
        lines += self._types()
        return "\n".join(lines) + "\n"

    def _payloads(self, topic: str) -> Iterator[tuple[Message, options_pb2.EventOptions]]:
        envelope = next(m for name, m in self._messages.items() if m.file.package == topic and name.endswith("Event"))
        for arm in envelope.proto.field:
            if options := self._events.get(arm.type_name.lstrip(".")):
                yield self._messages[arm.type_name.lstrip(".")], options

    def _overview(self, topic: str) -> Iterator[str]:
        for message, options in self._payloads(topic):
            name = message.proto.name
            link = f"[{name}](#{name.lower()})"
            yield f"| {link} | `{topic}` | {options.producer} | `{options.key_field}` | {', '.join(options.consumers)} |"

    def _topic(self, topic: str) -> Iterator[str]:
        yield from ("", f"## Topic `{topic}`")
        for message, options in self._payloads(topic):
            yield from ("", f"### {message.proto.name}", "", message.comment, "")
            yield f"- producer: {options.producer}"
            yield f"- topic and key: `{options.topic}`, `{options.key_field}`"
            yield f"- consumers: {', '.join(options.consumers)}"
            yield from self._fields(message)

    def _fields(self, message: Message) -> Iterator[str]:
        yield from ("", "| field | type | meaning |", "|---|---|---|")
        for field in image.fields(message):
            yield f"| `{field.proto.name}` | {self._type(field.proto)} | {_cell(field.comment)} |"

    def _type(self, field: FieldDescriptorProto) -> str:
        full = field.type_name.lstrip(".")
        if full.endswith("Entry") and full not in self._messages:
            return "map of strings"
        short = full.rpartition(".")[2]
        known = full in self._messages or full in self._enums
        name = f"[{short}](#{short.lower()})" if known else short or SCALARS[field.type]
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            return f"list of {name}"
        return f"{name}, optional" if field.proto3_optional else name

    def _types(self) -> Iterator[str]:
        names = self._reached()
        for name in sorted(names & self._messages.keys() - self._events.keys()):
            message = self._messages[name]
            yield from ("", f"### {message.proto.name}", "", f"`{name}`. {message.comment}", *self._fields(message))
        for name in sorted(names & self._enums.keys()):
            yield from self._enum(self._enums[name])

    def _enum(self, enum: Enum) -> Iterator[str]:
        yield from ("", f"### {enum.proto.name}", "", f"`{enum.name}`. {enum.comment}")
        yield from ("", "| value | number | meaning |", "|---|---|---|")
        for value in image.values(enum):
            yield f"| `{value.proto.name}` | {value.proto.number} | {_cell(value.comment)} |"

    def _reached(self) -> set[str]:
        reached: set[str] = set()
        waiting = [*self._events, "atlas.common.v1.EventMetadata"]
        while waiting:
            name = waiting.pop()
            if name in reached:
                continue
            reached.add(name)
            if message := self._messages.get(name):
                waiting += [field.type_name.lstrip(".") for field in message.proto.field if field.type_name]
        return reached


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the catalogue to the path named on the command line."""
    Path(sys.argv[1]).write_text(Catalog(image.build()).render(), "utf-8")


if __name__ == "__main__":
    main()
