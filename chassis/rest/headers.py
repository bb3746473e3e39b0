"""Request and response headers that carry meaning, each read or written by one small function."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

import uuid_utils
from google.protobuf.message import Message

from chassis.rest.parameters import split

MAX_WAIT_SECONDS = 10
MAX_KEY = 255
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ETAG = re.compile(r'(?:"([1-9][0-9]{0,15})"|([1-9][0-9]{0,15}))')
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)
_TRACESTATE_LIMIT = 512

Headers = Mapping[bytes, bytes]


class InvalidHeader(ValueError):
    """A header that cannot be accepted; the text is for the caller."""


def new_correlation_id() -> str:
    """Make a correlation id: a UUIDv7."""
    return str(uuid.UUID(int=uuid_utils.uuid7().int))


def correlation_id(value: bytes) -> str:
    """Check the correlation id that the caller chose."""
    text = value.decode("latin-1")
    if not _CORRELATION_ID.fullmatch(text):
        raise InvalidHeader("X-Correlation-Id must be 1 to 128 of A-Z a-z 0-9 . _ : -")
    return text


def idempotency_key(value: bytes | None) -> str | None:
    """Read an idempotency key, quoted or bare; None when there is none that can be used."""
    text = (value or b"").decode("latin-1")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\([\"\\])", r"\1", text[1:-1])
    usable = 0 < len(text) <= MAX_KEY and text.isascii() and text.isprintable() and text == text.strip()
    return text if usable else None


def if_match(value: bytes | None) -> int | None:
    """Read the version that If-Match demands; None for none, and for `*`, which any version satisfies."""
    if value is None or value.strip() == b"*":
        return None
    text = value.decode("latin-1").strip()
    found = _ETAG.fullmatch(text)
    if found is None:
        raise InvalidHeader('If-Match must be one strong entity tag such as "4", or *')
    return int(found[1] or found[2])


def wait_seconds(value: bytes | None) -> int:
    """Read how long the caller prefers to wait (RFC 7240), at most ten seconds; what cannot be read is no preference."""
    found = _WAIT.search(value.decode("latin-1")) if value else None
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0


def tracestate(value: bytes | None) -> str:
    """Return the tracestate to pass on; one that is too long is dropped, as W3C Trace Context allows."""
    return value.decode("ascii") if value and len(value) <= _TRACESTATE_LIMIT and value.isascii() else ""


def location(segments: Iterable[str], resource: Message) -> str:
    """Write the path of a resource: the variables of the template are fields of it."""
    parts = (quote(str(getattr(resource, s[1:-1])), safe=":") if s.startswith("{") else s for s in segments)
    return "/" + "/".join(parts)


def next_link(path: str, query: bytes, token: str) -> str:
    """Write the Link header to the next page: the same request with another page token."""
    kept = [(name, value) for name, value in split(query) if name not in ("page_token", "pageToken")]
    return f'<{path}?{urlencode([*kept, ("page_token", token)])}>; rel="next"'
