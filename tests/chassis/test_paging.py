"""Pages follow each other without a gap and without a repetition, and a token works only where it was given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.ops.v1 import outbox_pb2, parked_pb2
from chassis.database import insert_rows
from chassis.errors import InvalidPageToken
from chassis.paging import Pager
from chassis.tables import idempotency as table
from chassis.world import Actor
from tests.chassis.bench import ALICE, BOB, START, Bench

PAGER = Pager("a secret of this test")


def _request(size: int = 0, token: str = "", **filters: Any) -> outbox_pb2.ListOutboxRequest:
    return outbox_pb2.ListOutboxRequest(service="order", page_size=size, page_token=token, **filters)


def _add(bench: Bench, *names: int) -> None:
    """Rows that share their times in threes, so that only time and key together are unique."""
    times = [START + timedelta(seconds=name // 3) for name in names]
    rows = [
        {"principal": "p", "method": "m", "key": f"{name:05}", "request_hash": b"", "create_time": time}
        for name, time in zip(names, times, strict=True)
    ]
    with bench.app.database.begin() as connection:
        insert_rows(connection, table, rows)


def _page(bench: Bench, request: Any, actor: Actor = ALICE, *, rising: bool = False) -> tuple[list[int], str]:
    columns = (table.c.create_time, table.c.key)
    order = [column.asc() if rising else column.desc() for column in columns]
    with bench.app.database.connect() as connection:
        rows, token = PAGER.page(request, actor).select(connection, sa.select(table), *order)
    return [int(row.key) for row in rows], token


def _all(bench: Bench, size: int, between: Callable[[], None] = lambda: None, *, rising: bool = False) -> list[int]:
    seen, token = _page(bench, _request(size), rising=rising)
    while token:
        between()
        more, token = _page(bench, _request(size, token), rising=rising)
        assert 0 < len(more) <= size
        seen += more
    return seen


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 30), size=st.integers(1, 12), rising=st.booleans())
def test_the_pages_of_a_list_are_the_list(bench: Bench, count: int, size: int, rising: bool) -> None:
    with bench.app.database.begin() as connection:
        connection.execute(sa.delete(table))
    _add(bench, *range(count))
    assert _all(bench, size, rising=rising) == (list(range(count)) if rising else list(range(count))[::-1])


def test_rows_that_arrive_meanwhile_cause_no_gap_and_no_repetition(bench: Bench) -> None:
    _add(bench, *range(100, 130))
    numbers = iter(range(130, 1_000))
    seen = _all(bench, 7, lambda: _add(bench, next(numbers), next(numbers)))
    assert seen == list(range(129, 99, -1))


def test_the_size_is_50_unless_asked_and_never_more_than_200(bench: Bench) -> None:
    _add(bench, *range(230))
    assert len(_page(bench, _request())[0]) == 50
    assert len(_page(bench, _request(230))[0]) == 200


def test_the_size_may_change_from_page_to_page(bench: Bench) -> None:
    _add(bench, *range(10))
    first, token = _page(bench, _request(3))
    rest, _ = _page(bench, _request(9, token))
    assert first + rest == list(range(9, -1, -1))


def _tokens(bench: Bench) -> str:
    _add(bench, *range(10))
    return _page(bench, _request(3))[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "X" + token[1:],
        lambda token: token.rpartition(".")[0],
        lambda token: "x",
        lambda token: "W10.abc",
        lambda token: "é" * 10,
    ],
)
def test_a_token_that_was_altered_is_refused(bench: Bench, spoil: Callable[[str], str]) -> None:
    with pytest.raises(InvalidPageToken):
        _page(bench, _request(3, spoil(_tokens(bench))))


def test_a_token_of_another_caller_filter_or_list_is_refused(bench: Bench) -> None:
    token = _tokens(bench)
    with pytest.raises(InvalidPageToken):
        _page(bench, _request(3, token), BOB)
    with pytest.raises(InvalidPageToken):
        _page(bench, _request(3, token, stream_key="k"))
    with pytest.raises(InvalidPageToken):
        _page(bench, parked_pb2.ListParkedRequest(service="order", page_token=token))
    assert len(_page(bench, _request(3, token))[0]) == 3


def test_a_token_of_another_secret_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidPageToken):
        Pager("another secret").page(_request(3, _tokens(bench)), ALICE)
