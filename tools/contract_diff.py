"""Compares two contract images for breaks that `buf breaking` cannot see, because they are in our options.

`python -m tools.contract_diff OLD.binpb [NEW.binpb]` prints each break and exits 1 if there is one; without a new image it
takes `proto/` as it is now.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet, MethodDescriptorProto
from google.protobuf.message import Message

from buf.validate import validate_pb2
from tools import image
from tools.image import Element

FLOORS = {"gte", "gt", "min_len", "min_bytes", "min_items", "min_pairs"}
CEILINGS = {"lte", "lt", "max_len", "max_bytes", "max_items", "max_pairs"}
Rules = dict[str, Any]


def breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> list[str]:
    """Return what the new contract breaks, one line each."""
    return [*_event_breaks(old, new), *_method_breaks(old, new), *_rule_breaks(old, new)]


def _event_breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    now = {message.name: image.event(message) for message in image.messages(new)}
    for message in image.messages(old):
        if was := image.event(message):
            current = now.get(message.name)
            for attribute in ("topic", "key_field"):
                before, after = getattr(was, attribute), getattr(current, attribute, None)
                if before != after:
                    yield f"{message.name}: {attribute} was {before!r}, is {after!r}"


def _promise(method: Element[MethodDescriptorProto]) -> Rules:
    policy, rule = image.policy(method), image.http_rule(method)
    return {
        "route": image.route(method),
        "body": (rule.body, rule.response_body),
        "scopes": sorted(policy.scopes),
        "idempotency": policy.idempotency,
        "auth": policy.auth,
        "human_only": policy.human_only,
        "success_status": policy.success_status,
    }


def _method_breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    now = {method.name: _promise(method) for method in image.methods(new)}
    for method in image.methods(old):
        for what, before in _promise(method).items():
            after = now.get(method.name, {}).get(what)
            if before != after:
                yield f"{method.name}: {what} was {before!r}, is {after!r}"


def _flat(rules: Message, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field, value in rules.ListFields():
        name = f"{prefix}{field.name}"
        if field.name == "example":
            continue
        if field.name == "cel":
            yield from ((f"{name}[{rule.id}]", rule.expression) for rule in value)
        elif field.is_repeated:
            yield name, [str(item) for item in value]
        elif field.message_type and field.message_type.file.name == validate_pb2.DESCRIPTOR.name:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value if isinstance(value, int | float | str | bool) else str(value)


def _rules(contract: FileDescriptorSet) -> dict[str, Rules]:
    return {name: rules for message in image.messages(contract) for name, rules in _rules_of(message)}


def _rules_of(message: Element[DescriptorProto]) -> Iterator[tuple[str, Rules]]:
    yield message.name, dict(_flat(message.proto.options.Extensions[validate_pb2.message]))
    for oneof in message.proto.oneof_decl:
        yield f"{message.name}.{oneof.name}", dict(_flat(oneof.options.Extensions[validate_pb2.oneof]))
    for field in image.fields(message):
        yield field.name, dict(_flat(field.proto.options.Extensions[validate_pb2.field]))


def _rule_breaks(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    now = _rules(new)
    for name, was in _rules(old).items():
        for rule, after in now.get(name, {}).items():
            if _tightened(rule.rpartition(".")[2], was.get(rule), after):
                yield f"{name}: {rule} was {was.get(rule)!r}, is {after!r}"


def _tightened(rule: str, before: Any, after: Any) -> bool:
    if before is None or type(before) is not type(after):
        return bool(after)
    if rule in FLOORS:
        return bool(after > before)
    if rule in CEILINGS:
        return bool(after < before)
    if rule == "in":
        return not _contains(after, before)
    return not _contains(before, after) if rule == "not_in" else bool(before != after and after is not False)


def _contains(whole: Iterable[str], part: Iterable[str]) -> bool:
    return set(part) <= set(whole)


def main() -> int:
    """Compare the images named on the command line."""
    old, *rest = (image.load(Path(name)) for name in sys.argv[1:3])
    found = breaks(old, rest[0] if rest else image.build())
    print("\n".join(found) or "no break of topics, keys, routes, policies or rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
