"""The audit over real gRPC: every call that had an effect is there once, and each filter finds exactly what it says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from atlas.ops.v1 import audit_pb2
from chassis import audit
from chassis.envelope import Cause
from chassis.tables import audit_log
from chassis.values import time_message
from tests.chassis.bench import ALICE, BOB, START, TRACE, Bench, new_key
from tests.chassis.served import Refused, Served

METHOD = "/atlas.ops.v1.OpsService/ListAudit"
MINUTE = timedelta(minutes=1)
# who, what, which, under which correlation: the n-th n minutes after START
CALLS = (
    (ALICE, "PlaceOrder", ("a-1", "cust-7"), "c1"),
    (BOB, "CancelOrder", ("a-1",), "c2"),
    (BOB, "CancelOrder", ("a-10",), "c3"),
    (ALICE, "ReceiveStock", ("LAMP", "DESK"), "c1"),
)


def _seed(bench: Bench) -> None:
    with bench.app.database.begin() as connection:
        for number, (actor, method, resource, correlation) in enumerate(CALLS):
            cause = Cause(correlation, correlation, TRACE, actor)
            audit.append(connection, [audit.entry(cause, method, resource, f"no. {number}", START + number * MINUTE)])


async def _list(served: Served, **fields: Any) -> Any:
    request = audit_pb2.ListAuditRequest(service="order", **fields)
    answer, _ = await served.call(METHOD, request, audit_pb2.ListAuditResponse)
    return answer


async def _numbers(served: Served, **fields: Any) -> list[int]:
    """The calls that a filter finds, as they come."""
    return [int(entry.comment.removeprefix("no. ")) for entry in (await _list(served, **fields)).entries]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [3, 2, 1, 0]),
        ({"resource": "a-1"}, [1, 0]),
        ({"resource": "cust-7"}, [0]),
        ({"resource": "DESK"}, [3]),
        ({"resource": "DES_"}, []),
        ({"resource": "LAMP,DESK"}, []),
        ({"subject": "alice-id"}, [3, 0]),
        ({"subject": "id"}, []),
        ({"subject": "%-id"}, []),
        ({"method": "CancelOrder"}, [2, 1]),
        ({"correlation_id": "c1"}, [3, 0]),
        ({"occur_time_from": time_message(START + 2 * MINUTE)}, [3, 2]),
        ({"occur_time_to": time_message(START + 2 * MINUTE)}, [1, 0]),
        ({"occur_time_from": time_message(START), "occur_time_to": time_message(START)}, []),
        ({"subject": "bob-id", "resource": "a-1"}, [1]),
    ],
)
async def test_each_filter_finds_exactly_its_calls_the_newest_first(
    served: Served, filters: dict[str, Any], found: list[int]
) -> None:
    _seed(served.bench)
    assert await _numbers(served, **filters) == found


async def test_an_entry_says_who_did_what_when_and_under_which_trace(served: Served) -> None:
    _seed(served.bench)
    (entry,) = (await _list(served, correlation_id="c2")).entries
    assert (entry.actor.issuer, entry.actor.subject, entry.actor.client) == (BOB.issuer, BOB.subject, BOB.client)
    assert (entry.method, entry.resource, entry.comment, entry.traceparent) == ("CancelOrder", "a-1", "no. 1", TRACE)
    assert entry.occur_time == time_message(START + MINUTE)


async def test_pages_follow_each_other_without_gap_or_repetition(served: Served) -> None:
    _seed(served.bench)
    first = await _list(served, page_size=3)
    _seed(served.bench)
    second = await _list(served, page_size=3, page_token=first.next_page_token)
    assert [entry.comment for page in (first, second) for entry in page.entries] == ["no. 3", "no. 2", "no. 1", "no. 0"]
    assert not second.next_page_token


async def test_a_command_is_there_once_however_often_it_was_sent_and_a_refused_one_is_not(served: Served) -> None:
    bench, one = served.bench, new_key()
    for _ in range(2):
        bench.count(one, "a", key="same")
    bench.count(one, "refuse")
    (entry,) = (await _list(served, resource=one)).entries
    assert (entry.actor.subject, entry.method) == (ALICE.subject, bench.rows(audit_log)[0].method)


async def _refusal(served: Served, request: audit_pb2.ListAuditRequest, **how: Any) -> Refused:
    return await served.refusal(METHOD, request, audit_pb2.ListAuditResponse, **how)


async def test_a_window_that_ends_before_it_begins_is_refused(served: Served) -> None:
    start, end = time_message(START), time_message(START - MINUTE)
    request = audit_pb2.ListAuditRequest(service="order", occur_time_from=start, occur_time_to=end)
    refused = await _refusal(served, request)
    assert (refused.reason, refused.violations) == ("VALIDATION_FAILED", (("occur_time_to", "window.order"),))


async def test_reading_the_audit_needs_its_own_scope(served: Served) -> None:
    request = audit_pb2.ListAuditRequest(service="order")
    operator, auditor = (f"Bearer {served.token(scopes)}" for scopes in (["ops:read", "ops:manage"], ["audit:read"]))
    assert (await _refusal(served, request, authorization=operator)).reason == "INSUFFICIENT_SCOPE"
    await served.call(METHOD, request, audit_pb2.ListAuditResponse, authorization=auditor)


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["x" * 249, "y" * 250], 500),
        (["x" * 249, "y" * 250, "z"], 500),
        (["x" * 249, "y" * 251], 249),
        (["x" * 501], 500),
        (["x" * 500, "y"], 500),
        ([], 0),
    ],
)
def test_as_many_names_are_kept_as_have_room_each_whole(names: list[str], kept: int) -> None:
    row = audit.entry(Cause("c", "c", TRACE, ALICE), "PlaceOrder", names, "", START)
    assert row["resource"] == ",".join(names)[:kept]
