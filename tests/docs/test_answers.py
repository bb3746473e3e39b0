"""The comparison of what a page shows with what came: what differs is seen, what the page leaves open is not."""

from __future__ import annotations

import pytest

from tests.docs.answers import differences, differing_lines

CAME = 'HTTP/1.1 201 Created\nlocation: /v1/orders/7\n\n{"id": "7", "lines": [{"n": 1}, {"n": 2}], "open": false}'


@pytest.mark.parametrize(
    "shown",
    [
        "HTTP/1.1 201 Created",
        "HTTP/1.1 201 Created\nlocation: /v1/orders/…",
        'HTTP/1.1 201 Created\n\n{"id": "…", "lines": [{"n": 1}, "…"]}',
        'HTTP/1.1 201 Created\n\n{"lines": [{"n": 1}, {}], "open": false}',
    ],
)
def test_a_part_of_the_answer_agrees(shown: str) -> None:
    assert differences(shown, CAME) == []


@pytest.mark.parametrize(
    ("shown", "difference"),
    [
        ("HTTP/1.1 200 OK", "'HTTP/1.1 200 OK' is 'HTTP/1.1 201 Created'"),
        ("HTTP/1.1 201 Created\netag: 1", "no header 'etag: 1'"),
        ('HTTP/1.1 201 Created\n\n{"id": "8"}', "/id is '7'"),
        ('HTTP/1.1 201 Created\n\n{"state": "…"}', "no /state"),
        ('HTTP/1.1 201 Created\n\n{"lines": [{"n": 1}]}', "/lines has 2 members"),
        ('HTTP/1.1 201 Created\n\n{"lines": [{"n": 2}, "…"]}', "/lines/0/n is 1"),
        ('HTTP/1.1 201 Created\n\n{"open": true}', "/open is False"),
    ],
)
def test_what_differs_is_named(shown: str, difference: str) -> None:
    assert differences(shown, CAME) == [difference]


def test_of_a_timeline_the_event_types_and_the_last_line_count() -> None:
    came = "  22:00:00.000 OrderPlaced  order-svc  1 ms  PLACED\nCONFIRMED: payment PAID\n"
    assert differing_lines("  21:00:00.000 OrderPlaced  order-svc  9 ms  RESERVED\nCONFIRMED: payment PAID", came) == []
    assert differing_lines("  21:00:00.000 OrderFulfilled  order-svc  9 ms\nFULFILLED", came) == ["FULFILLED", "OrderFulfilled"]


def test_other_text_is_compared_line_by_line() -> None:
    assert differing_lines("order  …\ndone", "order  17\ndone\n") == []
    assert differing_lines("50 answers", "49 answers\n") == ["50 answers"]
