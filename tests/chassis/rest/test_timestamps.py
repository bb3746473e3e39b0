"""Instants in and out."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from chassis.rest.timestamps import NotATime, read_timestamp, write_timestamp


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999))
def test_what_is_written_is_read_back(seconds: int, milliseconds: int) -> None:
    instant = Timestamp(seconds=seconds, nanos=milliseconds * 1_000_000)
    text = write_timestamp(instant)
    assert len(text) == 24
    assert Timestamp(**read_timestamp(text)) == instant


def test_nanoseconds_are_truncated_to_three_decimals() -> None:
    assert write_timestamp(Timestamp(seconds=0, nanos=999_999_999)) == "1970-01-01T00:00:00.999Z"


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("1970-01-01T00:00:01Z", 1, 0),
        ("1970-01-01t00:00:01z", 1, 0),
        ("1970-01-01T01:00:00.5+01:00", 0, 500_000_000),
        ("1969-12-31T23:00:00-01:00", 0, 0),
        ("1970-01-01T00:00:00.000000001Z", 0, 1),
    ],
)
def test_every_offset_is_understood(text: str, seconds: int, nanos: int) -> None:
    assert read_timestamp(text) == {"seconds": seconds, "nanos": nanos}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-1-1T0:0:0Z",
        "1970-02-30T00:00:00Z",
        "1970-01-01T24:00:01Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00 02:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "١٩٧٠-01-01T00:00:00Z",
        "1970-01-01T00:00:00.1234567890Z",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(NotATime):
        read_timestamp(text)
