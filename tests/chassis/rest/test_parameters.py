"""Query strings."""

from __future__ import annotations

from typing import Any

import pytest

from atlas.orders.v1 import order_service_pb2
from chassis.rest.offence import Offences
from chassis.rest.parameters import query_reader

LIST: Any = order_service_pb2.ListOrdersRequest
FIELDS = frozenset(field.name for field in LIST.DESCRIPTOR.fields)


def read(query: bytes) -> tuple[dict[str, object], list[tuple[str, str]]]:
    offences = Offences()
    found = query_reader(LIST.DESCRIPTOR, FIELDS)(query, offences)
    return found, [(offence.pointer, offence.reason) for offence in offences.found]


def test_every_kind_of_parameter_is_read() -> None:
    found, offences = read(
        b"state=PLACED&state=ORDER_STATE_CONFIRMED&customer_id=a%20b+c&pageSize=7&create_time_from=1970-01-01T00%3A00%3A01Z&"
    )
    assert offences == []
    assert LIST(**found) == LIST(state=[1, 7], customer_id="a b c", page_size=7, create_time_from={"seconds": 1})


@pytest.mark.parametrize(
    ("query", "pointer", "reason"),
    [
        (b"page_sizee=1", "/page_sizee", "UNKNOWN_FIELD"),
        (b"=1", "/", "UNKNOWN_FIELD"),
        (b"a/b=1", "/a~1b", "UNKNOWN_FIELD"),
        (b"page_size=ten", "/page_size", "MALFORMED_JSON"),
        (b"page_size=", "/page_size", "MALFORMED_JSON"),
        (b"page_size=1.5", "/page_size", "MALFORMED_JSON"),
        (b"page_size=2147483648", "/page_size", "MALFORMED_JSON"),
        (b"page_size=1&page_size=2", "/page_size", "MALFORMED_JSON"),
        (b"page_size=1&pageSize=2", "/pageSize", "MALFORMED_JSON"),
        (b"state=placed", "/state", "MALFORMED_JSON"),
        (b"state=1", "/state", "MALFORMED_JSON"),
        (b"customer_id=%00", "/customer_id", "MALFORMED_JSON"),
        (b"customer_id=%ff", "", "MALFORMED_JSON"),
        (b"create_time_to=yesterday", "/create_time_to", "MALFORMED_JSON"),
    ],
)
def test_offending_parameters_are_named(query: bytes, pointer: str, reason: str) -> None:
    assert read(query)[1] == [(pointer, reason)]
