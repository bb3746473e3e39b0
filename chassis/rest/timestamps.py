"""Timestamps as RFC 3339 text: out always UTC with three decimals, in with any offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def write_timestamp(value: Timestamp) -> str:
    """Write an instant with exactly three decimals, truncated."""
    return f"{_second(value.seconds)}.{value.nanos // 1_000_000:03d}Z"


class NotATime(ValueError):
    """Text that is no RFC 3339 time between the years 1 and 9999."""


def read_timestamp(text: str) -> dict[str, int]:
    """Read RFC 3339 text as a Timestamp's fields."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise NotATime
    day, clock, fraction, sign, hours, minutes = found.groups()
    try:
        since = datetime.fromisoformat(f"{day}T{clock}+00:00") - _offset(sign, hours, minutes) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise NotATime from error
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": int((fraction or "0").ljust(9, "0"))}


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    if not (sign and hours and minutes):
        return timedelta()
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return offset if sign == "+" else -offset


@lru_cache(maxsize=4_096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
