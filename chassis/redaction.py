"""Redaction: turns any value into plain JSON data in which no token, password or other secret is left.

Two rules: what stands under a telling key is dropped whole, and what looks like a credential inside a text is cut out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

REDACTED: Final = "[redacted]"

_SECRET_KEY = re.compile(
    r"authorization|cookie|token|secret|password|passwd|pgpass|credential|signature|api[-_]?key|private[-_]?key|dsn$",
    re.IGNORECASE,
)
_PATTERNS: Final = (
    (re.compile(r"\b(Bearer|Basic)(\s+)[^\s,;\"']+", re.IGNORECASE), rf"\1\2{REDACTED}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), REDACTED),  # a JWT without its scheme
    (re.compile(r"(://[^\s:/@]*:)[^\s@]+@"), rf"\1{REDACTED}@"),  # scheme://user:password@host
    (re.compile(r"\bwhsec_[\w+/=-]+"), REDACTED),  # Standard Webhooks
    (
        re.compile(
            r"((?:password|passwd|secret|token|api[-_]?key)[\w-]*[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
)
_PLAIN = (bool, int, float, type(None))
_TEXTUAL = (UUID, date, Decimal, Enum)
_MAX_TEXT: Final = 8192
_MAX_DEPTH: Final = 8


def redact(value: Any) -> Any:
    """Return `value` as JSON data without secrets; other objects become their text."""
    return _redact(value, _MAX_DEPTH)


def redact_text(text: str) -> str:
    """Return `text` without what looks like a credential, and cut at 8192 characters."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"


def _redact(value: Any, depth: int) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): REDACTED if _SECRET_KEY.search(str(key)) else _redact(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(item, depth - 1) for item in value]
    return redact_text(str(value) if isinstance(value, _TEXTUAL) else repr(value))
