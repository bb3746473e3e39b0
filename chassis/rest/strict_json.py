"""Reads JSON without forgiving anything: duplicate keys, NaN and numbers beyond reason stay visible to the codec.

The standard parser is used because faster ones hide duplicate keys and turn large integers into floats.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chassis.rest.offence import Offences

MAX_DEPTH = 32
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A number that the parser accepts and no field can hold; the detail says why."""

    detail: str


class RepeatedKeys(dict[str, Any]):
    """An object in which some keys occur more than once."""

    repeated: tuple[str, ...] = ()


def parse(body: bytes, offences: Offences) -> Any:
    """Parse a body; None, with an offence noted, when it is not JSON at all. An empty body is an empty object."""
    if not body.strip(b" \t\r\n"):
        return {}
    try:
        text = body.decode("utf-8")
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant)
    except UnicodeDecodeError as error:
        offences.malformed(None, f"the body is not valid UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        offences.malformed(None, f"{error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        offences.malformed(None, f"the body is nested deeper than {MAX_DEPTH}")
    return None


def is_too_deep(document: Any) -> bool:
    """Whether a parsed document is nested deeper than the limit."""
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) or [None]
    return (value or [None]) if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    repeats = RepeatedKeys(found)
    repeats.repeated = tuple(dict.fromkeys(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return repeats


def _integer(text: str) -> int | Unreadable:
    return int(text) if len(text) <= _LONGEST_NUMBER else Unreadable("the number has too many digits")


def _real(text: str) -> float | Unreadable:
    return float(text) if len(text) <= _LONGEST_NUMBER else Unreadable("the number has too many digits")


def _constant(text: str) -> Unreadable:
    return Unreadable(f"{text} is not a JSON number")
