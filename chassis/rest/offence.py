"""What is wrong with a request, place by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MALFORMED = "MALFORMED_JSON"
UNKNOWN = "UNKNOWN_FIELD"
MAX_OFFENCES = 1_000

_TYPE_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}

# A place in a document: the place of the parent and the key or index in it; None is the document itself.
Place = tuple[Any, str | int] | None


@dataclass(frozen=True, slots=True)
class Offence:
    """One offending place: a JSON pointer, the reason by its name, and one sentence for people."""

    pointer: str
    reason: str
    detail: str


class Offences:
    """Collects every offence of one request, keeping the first thousand so that an answer stays readable."""

    __slots__ = ("found", "total")

    def __init__(self) -> None:
        self.found: list[Offence] = []
        self.total = 0

    def malformed(self, place: Place, detail: str) -> None:
        """Note a value that cannot be read as its type."""
        self._note(place, MALFORMED, detail)

    def unknown(self, place: Place, detail: str) -> None:
        """Note a field that does not exist."""
        self._note(place, UNKNOWN, detail)

    def _note(self, place: Place, reason: str, detail: str) -> None:
        self.total += 1
        if len(self.found) < MAX_OFFENCES:
            self.found.append(Offence(pointer(place), reason, detail))


def pointer(place: Place) -> str:
    """Write a place as a JSON pointer (RFC 6901)."""
    parts: list[str] = []
    while place is not None:
        place, key = place
        parts.append(escape(str(key)))
    return "".join(f"/{part}" for part in reversed(parts))


def escape(key: str) -> str:
    """Escape one reference token of a JSON pointer; what is not valid Unicode or printable is shown escaped."""
    token = key.replace("~", "~0").replace("/", "~1")
    return token.encode("utf-8", "backslashreplace").decode("utf-8")


def type_name(value: object) -> str:
    """Name the JSON type of a parsed value, for people."""
    return "null" if value is None else _TYPE_NAMES.get(type(value), "a value")
