"""OpsService over real gRPC: what operators see, what they decide, and that each decision is keyed and audited."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from atlas.ops.v1 import dead_letter_pb2, outbox_pb2, parked_pb2, upkeep_pb2
from chassis import dead_letters, parking
from chassis.tables import audit_log, outbox, parked_event
from tests.chassis.bench import Bench, new_key
from tests.chassis.served import Refused, Served

CAUSE_REPAIRED = dead_letter_pb2.DEAD_LETTER_REASON_CAUSE_REPAIRED
MESSAGES = {
    "ListOutbox": outbox_pb2,
    "ListParked": parked_pb2,
    "RetryParked": parked_pb2,
    "ListDeadLetters": dead_letter_pb2,
    "ReplayDeadLetter": dead_letter_pb2,
    "DiscardDeadLetter": dead_letter_pb2,
}


def _request(name: str, fields: dict[str, Any]) -> tuple[str, Any, Any]:
    module = MESSAGES.get(name, upkeep_pb2)
    request = getattr(module, f"{name}Request")(**{"service": "order", **fields})
    return f"/atlas.ops.v1.OpsService/{name}", request, getattr(module, f"{name}Response")


async def ask(served: Served, name: str, *, key: str = "", **fields: Any) -> Any:
    """Call an RPC of OpsService that succeeds."""
    answer, _ = await served.call(*_request(name, fields), key=key)
    return answer


async def refused(served: Served, name: str, **fields: Any) -> Refused:
    """Call an RPC of OpsService that is refused."""
    return await served.refusal(*_request(name, fields))


def _dead(bench: Bench) -> str:
    """A key whose first event is dead, with one queued behind it."""
    one = new_key()
    bench.faults.unreadable = {"bad"}
    bench.events.handle([bench.record(one, "bad")])
    bench.events.handle([bench.record(one, "c")])
    return one


def waiting(bench: Bench) -> str:
    """A key whose first event waits for another try, with one queued behind it."""
    one = new_key()
    bench.faults.failing = {"bad": 1}
    bench.events.handle([bench.record(one, "bad")])
    bench.events.handle([bench.record(one, "c")])
    return one


async def test_the_outbox_is_listed_newest_first_with_what_each_event_says(served: Served) -> None:
    one = new_key()
    for _ in range(3):
        served.bench.count(one)
    served.bench.app.relay.step()
    served.bench.count(one)
    entries = (await ask(served, "ListOutbox")).entries
    assert [entry.stream_sequence for entry in entries] == [4, 3, 2, 1]
    assert [entry.HasField("publish_time") for entry in entries] == [False, True, True, True]
    newest = entries[0]
    assert (newest.event_type, newest.topic, newest.stream_key) == ("OrderStateChanged", "test.out.v1", one)
    assert (newest.aggregate_type, newest.aggregate_id, newest.correlation_id) == ("Counter", one, "corr")
    assert (newest.actor.subject, newest.handling_attempt) == ("alice-id", 1)
    assert newest.size_bytes == len(served.bench.rows(outbox)[-1].value)


async def test_the_outbox_is_filtered_and_paged(served: Served) -> None:
    one, two = new_key(), new_key()
    for key in (one, two, one, two):
        served.bench.count(key)
    served.bench.app.relay.step()
    served.bench.count(one)
    assert len((await ask(served, "ListOutbox", published=True)).entries) == 4
    assert len((await ask(served, "ListOutbox", published=False)).entries) == 1
    assert {entry.stream_key for entry in (await ask(served, "ListOutbox", stream_key=two)).entries} == {two}
    assert not (await ask(served, "ListOutbox", event_type="OrderPlaced")).entries
    first = await ask(served, "ListOutbox", page_size=3)
    rest = await ask(served, "ListOutbox", page_size=3, page_token=first.next_page_token)
    assert [entry.stream_sequence for entry in (*first.entries, *rest.entries)] == [3, 2, 2, 1, 1]
    assert rest.next_page_token == ""
    assert (await refused(served, "ListOutbox", page_token="x")).reason == "INVALID_PAGE_TOKEN"


async def test_a_dead_letter_in_the_outbox_has_no_place_in_a_stream(served: Served) -> None:
    served.bench.events.handle([served.bench.raw(b"\xff", key="k")])
    (entry,) = (await ask(served, "ListOutbox")).entries
    assert (entry.event_type, entry.topic, entry.stream_sequence, entry.aggregate_type) == (
        "DeadLetter",
        "test.in.dlq.v1",
        0,
        "",
    )


async def test_the_parking_lot_says_who_failed_and_who_waits(served: Served) -> None:
    one = waiting(served.bench)
    behind, failed = (await ask(served, "ListParked")).parked_events
    assert (failed.state, failed.attempts, failed.error_class) == (parked_pb2.PARKED_STATE_WAITING, 1, "RuntimeError")
    assert (failed.event_type, failed.producer, failed.stream_key, failed.stream_sequence) == (
        "OrderConfirmed",
        "order-svc",
        one,
        1,
    )
    assert failed.HasField("next_attempt_time")
    assert (behind.state, behind.HasField("next_attempt_time")) == (parked_pb2.PARKED_STATE_QUEUED, False)
    only = await ask(served, "ListParked", state=[parked_pb2.PARKED_STATE_QUEUED])
    assert [event.parked_event_id for event in only.parked_events] == [behind.parked_event_id]
    assert not (await ask(served, "ListParked", stream_key="another")).parked_events


async def test_a_parked_event_is_retried_at_once_when_asked(served: Served) -> None:
    bench, one = served.bench, waiting(served.bench)
    assert bench.parked.retry_due() == 0
    _, failed = (await ask(served, "ListParked")).parked_events
    answer = await ask(served, "RetryParked", parked_event_id=failed.parked_event_id, expected_version=1)
    assert (answer.parked_event.version, answer.parked_event.attempts) == (2, 1)
    assert bench.parked.retry_due() == 2
    assert bench.labels(one) == ["bad", "c"]


async def test_only_an_event_that_waits_can_be_retried(served: Served) -> None:
    _dead(served.bench)
    for event in (await ask(served, "ListParked")).parked_events:
        assert (await refused(served, "RetryParked", parked_event_id=event.parked_event_id)).reason == "ILLEGAL_STATE"


async def test_dead_letters_are_listed_with_what_they_hold_up(served: Served) -> None:
    bench, one = served.bench, _dead(served.bench)
    bench.events.handle([bench.raw(b"\xff", key="k")])
    unreadable, letter = (await ask(served, "ListDeadLetters")).dead_letters
    assert (letter.stream_key, letter.event_type, letter.stream_sequence) == (one, "OrderConfirmed", 1)
    assert (letter.blocks_stream, letter.attempts, letter.error_class) == (True, 1, "Poison")
    assert not letter.HasField("decide_reason")
    assert not letter.HasField("decided_by")
    assert (unreadable.blocks_stream, unreadable.HasField("event_id"), unreadable.stream_key) == (False, False, "k")
    dead = await ask(served, "ListDeadLetters", state=[dead_letter_pb2.DEAD_LETTER_STATE_DEAD], stream_key="k")
    assert [each.dead_letter_id for each in dead.dead_letters] == [unreadable.dead_letter_id]
    assert not (await ask(served, "ListDeadLetters", state=[dead_letter_pb2.DEAD_LETTER_STATE_DISCARDED])).dead_letters


async def test_a_replayed_dead_letter_is_tried_again_before_what_waited(served: Served) -> None:
    bench, one = served.bench, _dead(served.bench)
    (letter,) = (await ask(served, "ListDeadLetters")).dead_letters
    bench.faults.unreadable = set()
    answer = await ask(
        served, "ReplayDeadLetter", dead_letter_id=letter.dead_letter_id, reason=CAUSE_REPAIRED, comment="fixed in 1.2"
    )
    decided = answer.dead_letter
    assert (decided.state, decided.version, decided.blocks_stream) == (dead_letter_pb2.DEAD_LETTER_STATE_REPLAYED, 2, False)
    assert (decided.decide_reason, decided.decide_comment) == (CAUSE_REPAIRED, "fixed in 1.2")
    assert (decided.decided_by.subject, decided.decided_by.client) == (served.forge.subject, "atlas-cli")
    assert bench.parked.retry_due() == 2
    assert bench.labels(one) == ["bad", "c"]


async def test_a_replayed_record_nobody_could_read_is_parked_to_be_read_again(served: Served) -> None:
    served.bench.events.handle([served.bench.raw(b"\xff", key="k")])
    (letter,) = (await ask(served, "ListDeadLetters")).dead_letters
    await ask(served, "ReplayDeadLetter", dead_letter_id=letter.dead_letter_id, reason=CAUSE_REPAIRED)
    assert [(row.state, row.stream_key) for row in served.bench.rows(parked_event)] == [(parking.PARKED, "k")]
    assert served.bench.parked.retry_due() == 0
    (again,) = (await ask(served, "ListDeadLetters")).dead_letters
    assert (again.state, again.version, again.HasField("decide_reason")) == (dead_letter_pb2.DEAD_LETTER_STATE_DEAD, 3, False)


async def test_a_discarded_dead_letter_lets_its_stream_go_on_and_never_comes_back(served: Served) -> None:
    bench, one = served.bench, new_key()
    bench.faults.unreadable = {"bad"}
    records = [bench.record(one, "a"), bench.record(one, "bad")]
    bench.events.handle(records[:1])
    bench.events.handle(records[1:])
    (letter,) = (await ask(served, "ListDeadLetters")).dead_letters
    fields = {"dead_letter_id": letter.dead_letter_id, "reason": dead_letter_pb2.DEAD_LETTER_REASON_HANDLED_ELSEWHERE}
    await ask(served, "DiscardDeadLetter", **fields)
    assert bench.rows(parked_event) == []
    bench.faults.unreadable = set()
    bench.events.handle([*records, bench.record(one, "c")])
    assert bench.labels(one) == ["a", "c"]


@pytest.mark.parametrize("name", ["ReplayDeadLetter", "DiscardDeadLetter"])
async def test_a_decision_is_made_once_and_on_the_version_that_was_seen(served: Served, name: str) -> None:
    _dead(served.bench)
    (letter,) = (await ask(served, "ListDeadLetters")).dead_letters
    fields = {"dead_letter_id": letter.dead_letter_id, "reason": CAUSE_REPAIRED}
    stale = await refused(served, name, expected_version=letter.version + 1, **fields)
    assert stale.reason == "VERSION_MISMATCH"
    await ask(served, name, expected_version=letter.version, **fields)
    assert (await refused(served, name, **fields)).reason == "ILLEGAL_STATE"


@pytest.mark.parametrize("number", ["0", "99999999", "abc", "-1", "9" * 30, "²"])
async def test_what_does_not_exist_is_not_found(served: Served, number: str) -> None:
    for name in ("ReplayDeadLetter", "DiscardDeadLetter"):
        unknown = await refused(served, name, dead_letter_id=number, reason=CAUSE_REPAIRED)
        assert unknown.code == grpc.StatusCode.NOT_FOUND
    assert (await refused(served, "RetryParked", parked_event_id=number)).reason == "NOT_FOUND"


async def test_a_decision_is_keyed_and_audited(served: Served) -> None:
    _dead(served.bench)
    (letter,) = (await ask(served, "ListDeadLetters")).dead_letters
    fields = {"dead_letter_id": letter.dead_letter_id, "reason": CAUSE_REPAIRED, "comment": "ticket 4711"}
    first, _ = await served.call(*_request("ReplayDeadLetter", fields), key="k")
    again, trailers = await served.call(*_request("ReplayDeadLetter", fields), key="k")
    assert first == again
    assert trailers["idempotent-replayed"] == "true"
    other = await served.refusal(*_request("ReplayDeadLetter", {**fields, "comment": "x"}), key="k")
    assert other.reason == "IDEMPOTENCY_KEY_REUSED"
    (row,) = served.bench.rows(audit_log)
    assert (row.method, row.resource) == ("ReplayDeadLetter", f"dead_letter_id={letter.dead_letter_id}")
    assert row.actor.endswith(served.forge.subject)
    assert row.comment == "ticket 4711"


async def test_a_refused_decision_leaves_no_trace_and_its_key_free(served: Served) -> None:
    fields = {"dead_letter_id": "7", "reason": CAUSE_REPAIRED}
    assert (await served.refusal(*_request("ReplayDeadLetter", fields), key="k")).reason == "NOT_FOUND"
    assert served.bench.rows(audit_log) == []
    one = _dead(served.bench)
    (letter,) = (await ask(served, "ListDeadLetters")).dead_letters
    await ask(served, "ReplayDeadLetter", key="k", dead_letter_id=letter.dead_letter_id, reason=CAUSE_REPAIRED)
    assert one


async def test_another_service_is_not_asked_by_mistake(served: Served) -> None:
    for name in ("ListOutbox", "GetClock", "CheckInvariants", "RewindConsumer"):
        wrong = await refused(served, name, service="billing")
        assert (wrong.reason, wrong.violations) == ("VALIDATION_FAILED", (("service", "service.own"),))


async def test_reading_and_deciding_need_their_own_scopes(served: Served) -> None:
    reader = f"Bearer {served.token(['ops:read'])}"
    await served.call(*_request("ListOutbox", {}), authorization=reader)
    denied = await served.refusal(*_request("RewindConsumer", {}), authorization=reader)
    assert denied.reason == "INSUFFICIENT_SCOPE"


def test_the_dead_letter_topic_is_beside_its_topic() -> None:
    assert dead_letters.topic_of("atlas.orders.v1") == "atlas.orders.dlq.v1"
