"""The comments of the contracts, by full name, from an image with source information."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

Comments = Mapping[str, str]
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_CHILD = 2  # a value in an enum, a method in a service


def read_comments(image: bytes) -> Comments:
    """Read the leading comment of every element of an image, as `buf build` writes it."""
    return {
        name: text
        for file in FileDescriptorSet.FromString(image).file
        for location in file.source_code_info.location
        if (text := _one_line(location.leading_comments)) and (name := _name(file, tuple(location.path)))
    }


def _one_line(comment: str) -> str:
    return " ".join(comment.split())


def _name(file: FileDescriptorProto, path: tuple[int, ...]) -> str:
    if len(path) < 2:
        return ""
    kind, index, rest = path[0], path[1], path[2:]
    if kind == _FILE_MESSAGE:
        return _in_message(file.message_type[index], file.package, rest)
    if kind == _FILE_ENUM:
        return _in_enum(file.enum_type[index], file.package, rest)
    if kind == _FILE_SERVICE:
        service = file.service[index]
        own = f"{file.package}.{service.name}"
        return own if not rest else f"{own}.{service.method[rest[1]].name}" if rest[0] == _CHILD and len(rest) == 2 else ""
    return ""


def _in_message(message: DescriptorProto, scope: str, path: tuple[int, ...]) -> str:
    own = f"{scope}.{message.name}"
    if not path:
        return own
    kind, index, rest = path[0], path[1] if len(path) > 1 else -1, path[2:]
    if kind == _MESSAGE_FIELD and index >= 0 and not rest:
        return f"{own}.{message.field[index].name}"
    if kind == _MESSAGE_NESTED and index >= 0:
        return _in_message(message.nested_type[index], own, rest)
    if kind == _MESSAGE_ENUM and index >= 0:
        return _in_enum(message.enum_type[index], own, rest)
    return ""


def _in_enum(enum: EnumDescriptorProto, scope: str, path: tuple[int, ...]) -> str:
    own = f"{scope}.{enum.name}"
    if not path:
        return own
    return f"{own}.{enum.value[path[1]].name}" if path[0] == _CHILD and len(path) == 2 else ""
