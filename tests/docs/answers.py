"""Compares what a page shows with what came: `…` stands for anything, and what a page leaves out is not looked at."""

from __future__ import annotations

import json
import re
from typing import Any

REST = "…"
_EVENT_TYPE = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b")
_STATE = re.compile(r"\b[A-Z]{4,}(?:_[A-Z]+)*\b")
_STEP = re.compile(r"^ +[0-9:.]{12} .*$", re.MULTILINE)


def differences(shown: str, came: str) -> list[str]:
    """What of a shown HTTP answer is not in the one that came."""
    status, *headers = shown.partition("\n\n")[0].strip().splitlines()
    real_status, *real_headers = came.partition("\n\n")[0].splitlines()
    found = [] if status == real_status else [f"{status!r} is {real_status!r}"]
    found += [f"no header {header!r}" for header in headers if not any(_like(header, real) for real in real_headers)]
    if body := shown.partition("\n\n")[2].strip():
        found += _lacking("", json.loads(body), json.JSONDecoder().raw_decode(came.partition("\n\n")[2])[0])
    return found


def differing_lines(shown: str, came: str) -> list[str]:
    """The lines of a shown text that did not come; of a timeline the names in it that did not."""
    if _STEP.search(shown):
        return sorted(_missing_names(shown, came))
    lines = [line.rstrip() for line in came.splitlines()]
    return [line for line in shown.splitlines() if not any(_like(line.rstrip(), real) for real in lines)]


def _missing_names(shown: str, came: str) -> set[str]:
    """The event types and states in a shown text that are not in the one that came.

    States within the steps of a timeline do not count: which of them an order passes through depends on what it hears first.
    """
    return _names(shown) - _names(came)


def _names(text: str) -> set[str]:
    return set(_EVENT_TYPE.findall(text)) | set(_STATE.findall(_STEP.sub("", text)))


def _lacking(place: str, shown: Any, came: Any) -> list[str]:
    if isinstance(shown, dict) and isinstance(came, dict):
        absent = [f"no {place}/{name}" for name in shown if name not in came]
        return absent + [
            text for name in shown.keys() & came.keys() for text in _lacking(f"{place}/{name}", shown[name], came[name])
        ]
    if isinstance(shown, list) and isinstance(came, list):
        open_end = shown[-1:] == [REST]
        wanted = shown[:-1] if open_end else shown
        size = [] if open_end or len(wanted) == len(came) else [f"{place} has {len(came)} members"]
        pairs = zip(wanted, came, strict=False)
        return size + [text for number, pair in enumerate(pairs) for text in _lacking(f"{place}/{number}", *pair)]
    return [] if shown == came or (isinstance(shown, str) and _like(shown, str(came))) else [f"{place} is {came!r}"]


def _like(shown: str, came: str) -> bool:
    """Whether they agree where the shown one says something."""
    return re.fullmatch(".*".join(map(re.escape, shown.split(REST))), came) is not None
