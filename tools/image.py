"""Reads buf images: descriptors with the comments above them and with our options decoded."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from atlas.common.v1 import options_pb2

ROOT = Path(__file__).parent.parent
BASELINE = ROOT / "proto" / "baseline" / "v1.binpb"


class _Named(Protocol):
    @property
    def name(self) -> str: ...


D = TypeVar("D", bound=_Named)
Child = TypeVar("Child", bound=_Named)


@dataclass(frozen=True, slots=True)
class Element(Generic[D]):
    """A descriptor with its full name, the comment above it, and where it stands in its file."""

    name: str
    proto: D
    comment: str
    file: FileDescriptorProto
    path: tuple[int, ...]

    def inside(self, children: Iterable[Child], number: int) -> Iterator[Element[Child]]:
        """Yield children of this element; `number` is their field number in its descriptor."""
        return _elements(self.file, children, self.name, (*self.path, number))


def build(folder: Path = ROOT / "proto") -> FileDescriptorSet:
    """Compile a proto module."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "image.binpb")
        subprocess.run(["buf", "build", str(folder), "-o", str(path)], check=True, cwd=ROOT)
        return load(path)


def load(path: Path) -> FileDescriptorSet:
    """Read an image that `buf build` wrote."""
    return FileDescriptorSet.FromString(path.read_bytes())


def messages(image: FileDescriptorSet) -> Iterator[Element[DescriptorProto]]:
    """Yield every top-level message of ours."""
    for file in _ours(image):
        yield from _elements(file, file.message_type, file.package, (FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER,))


def enums(image: FileDescriptorSet) -> Iterator[Element[EnumDescriptorProto]]:
    """Yield every top-level enum of ours."""
    for file in _ours(image):
        yield from _elements(file, file.enum_type, file.package, (FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER,))


def services(image: FileDescriptorSet) -> Iterator[Element[ServiceDescriptorProto]]:
    """Yield every gRPC service of ours."""
    for file in _ours(image):
        yield from _elements(file, file.service, file.package, (FileDescriptorProto.SERVICE_FIELD_NUMBER,))


def methods(image: FileDescriptorSet) -> Iterator[Element[MethodDescriptorProto]]:
    """Yield every RPC of ours, named `package.Service.Method`."""
    for service in services(image):
        yield from service.inside(service.proto.method, ServiceDescriptorProto.METHOD_FIELD_NUMBER)


def fields(message: Element[DescriptorProto]) -> Iterator[Element[FieldDescriptorProto]]:
    """Yield the fields of a message."""
    return message.inside(message.proto.field, DescriptorProto.FIELD_FIELD_NUMBER)


def values(enum: Element[EnumDescriptorProto]) -> Iterator[Element[EnumValueDescriptorProto]]:
    """Yield the values of an enum."""
    return enum.inside(enum.proto.value, EnumDescriptorProto.VALUE_FIELD_NUMBER)


def policy(method: Element[MethodDescriptorProto]) -> options_pb2.MethodPolicy:
    """Return the policy of an RPC."""
    return method.proto.options.Extensions[options_pb2.policy]


def http_rule(method: Element[MethodDescriptorProto]) -> http_pb2.HttpRule:
    """Return the HTTP rule of an RPC."""
    extension = cast(Any, annotations_pb2.http)  # the wheel types it as a plain descriptor
    return cast(http_pb2.HttpRule, method.proto.options.Extensions[extension])


def route(method: Element[MethodDescriptorProto]) -> str:
    """Return method and path of an RPC, such as `GET /v1/orders`; empty where it has none."""
    rule = http_rule(method)
    kind = rule.WhichOneof("pattern")
    return f"{kind.upper()} {getattr(rule, kind)}" if kind else ""


def event(message: Element[DescriptorProto]) -> options_pb2.EventOptions | None:
    """Return the routing of an event payload, or None for any other message."""
    options = message.proto.options
    return options.Extensions[options_pb2.event] if options.HasExtension(options_pb2.event) else None


def _ours(image: FileDescriptorSet) -> Iterator[FileDescriptorProto]:
    return (file for file in image.file if file.package.startswith("atlas."))


def _elements(
    file: FileDescriptorProto, protos: Iterable[Child], prefix: str, path: tuple[int, ...]
) -> Iterator[Element[Child]]:
    comments = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
    for index, proto in enumerate(protos):
        place = (*path, index)
        yield Element(f"{prefix}.{proto.name}", proto, comments.get(place, ""), file, place)
