"""Headers that carry meaning."""

from __future__ import annotations

import uuid

import pytest

from atlas.orders.v1 import order_pb2
from chassis.rest import headers
from chassis.rest.headers import InvalidHeader


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        (b"web-1", "web-1"),
        (b'"web-1"', "web-1"),
        (b'"a\\"b\\\\c"', 'a"b\\c'),
        (b"with space", "with space"),
        (b"k" * 255, "k" * 255),
        (b'"' + b"k" * 255 + b'"', "k" * 255),
        (b'"', '"'),
        (None, None),
        (b"", None),
        (b'""', None),
        (b'" "', None),
        (b"k" * 256, None),
        (b"a\tb", None),
        (b"a\x00b", None),
        (b"a\r\nb", None),
        (b"\xc3\xa4", None),
        (b"\x7f", None),
    ],
)
def test_idempotency_keys(sent: bytes | None, key: str | None) -> None:
    assert headers.idempotency_key(sent) == key


@pytest.mark.parametrize(("sent", "version"), [(b'"4"', 4), (b"4", 4), (b" 12 ", 12), (b" * ", None), (None, None)])
def test_if_match_names_a_version(sent: bytes | None, version: int | None) -> None:
    assert headers.if_match(sent) == version


@pytest.mark.parametrize("sent", [b'W/"4"', b'"4', b'"4", "5"', b"0", b'"-1"', b"four", b"", b'""', b'"4.0"', b"9" * 17])
def test_if_match_that_names_no_version_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidHeader):
        headers.if_match(sent)


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (b"wait=3", 3),
        (b"respond-async, wait=3", 3),
        (b"return=minimal; wait = 7", 7),
        (b'wait="5"', 5),
        (b"WAIT=2", 2),
        (b"wait=60", 10),
        (b"wait=0", 0),
        (b"await=3", 0),
        (b"wait=-1", 0),
        (b"wait=soon", 0),
        (b"wait=1e9", 0),
        (None, 0),
    ],
)
def test_preferred_wait(sent: bytes | None, seconds: int) -> None:
    assert headers.wait_seconds(sent) == seconds


def test_a_made_correlation_id_is_a_uuid_of_version_7() -> None:
    assert uuid.UUID(headers.new_correlation_id()).version == 7


@pytest.mark.parametrize("sent", [b"", b"a b", b"a\x00", b"\xc3\xa4", b"x" * 129, b"<script>"])
def test_hostile_correlation_ids_are_refused(sent: bytes) -> None:
    with pytest.raises(InvalidHeader):
        headers.correlation_id(sent)


def test_location_quotes_what_it_names() -> None:
    order = order_pb2.Order(order_id="a/b?c")
    assert headers.location(("v1", "orders", "{order_id}"), order) == "/v1/orders/a%2Fb%3Fc"


def test_next_link_repeats_the_query_with_another_token() -> None:
    link = headers.next_link("/v1/orders", b"state=PLACED&state=CONFIRMED&page_token=old&pageToken=older", "n+w")
    assert link == '</v1/orders?state=PLACED&state=CONFIRMED&page_token=n%2Bw>; rel="next"'


def test_tracestate_that_is_too_long_is_dropped() -> None:
    assert headers.tracestate(b"a=1") == "a=1"
    assert headers.tracestate(b"a=" + b"1" * 600) == ""
