"""Commands run in batches, and a bad one never fails its neighbours."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from atlas.orders.v1 import order_events_pb2, order_service_pb2
from chassis.command_handling import run_commands
from chassis.errors import Refusal
from chassis.tables import audit_log, outbox
from tests.chassis.bench import BOB, TRACE, Bench, new_key


def _response(answer: Any) -> order_service_pb2.CancelOrderResponse:
    assert isinstance(answer.response, order_service_pb2.CancelOrderResponse), answer
    return answer.response


def test_a_batch_is_decided_in_order_and_each_sees_what_the_one_before_did(bench: Bench) -> None:
    one, two = new_key(), new_key()
    answers = run_commands(bench.app.service, [bench.call(key, label) for key, label in ((one, "a"), (two, "x"), (one, "b"))])
    assert [_response(answer).order.version for answer in answers] == [1, 1, 2]
    assert (bench.labels(one), bench.labels(two)) == (["a", "b"], ["x"])
    assert [(row.stream_key, row.stream_sequence) for row in bench.rows(outbox)] == [(one, 1), (two, 1), (one, 2)]


def test_a_refused_command_does_not_fail_its_neighbours(bench: Bench) -> None:
    one = new_key()
    answers = run_commands(bench.app.service, [bench.call(one, label) for label in ("a", "refuse", "b")])
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert bench.labels(one) == ["a", "b"]


def test_a_command_that_breaks_does_not_fail_its_neighbours(bench: Bench) -> None:
    one = new_key()
    bench.faults.failing = {"bad": 99}
    answers = run_commands(bench.app.service, [bench.call(one, label) for label in ("a", "bad", "b")])
    assert [type(answer.error) for answer in answers] == [type(None), RuntimeError, type(None)]
    assert bench.labels(one) == ["a", "b"]
    assert len(bench.rows(outbox)) == len(bench.rows(audit_log)) == 2


def test_a_command_whose_event_breaks_its_contract_does_not_fail_its_neighbours(bench: Bench) -> None:
    """The stream of this counter is no UUID, which its event's contract refuses."""
    one = new_key()
    answers = run_commands(bench.app.service, [bench.call(key) for key in (one, "no uuid", one)])
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert bench.labels(one) == ["c", "c"]


def test_what_was_done_is_audited_with_who_and_why(bench: Bench) -> None:
    one = new_key()
    bench.count(one, "asked for by phone", actor=BOB)
    bench.count(one, "refuse", actor=BOB)
    (row,) = bench.rows(audit_log)
    assert (row.actor, row.client, row.method, row.resource) == (BOB.key, "atlas-cli", "CancelOrder", one)
    assert (row.comment, row.correlation_id, row.traceparent, row.time) == (
        "asked for by phone",
        "corr",
        TRACE,
        bench.clock.now(),
    )


def test_the_events_of_a_command_carry_its_cause_and_its_caller(bench: Bench) -> None:
    bench.count(new_key(), actor=BOB)
    metadata = order_events_pb2.OrderEvent.FromString(bench.rows(outbox)[0].value).metadata
    assert (metadata.correlation_id, metadata.causation_id, metadata.traceparent) == ("corr", "req", TRACE)
    assert (metadata.actor.subject, metadata.handling_attempt) == (BOB.subject, 1)


def test_a_database_that_goes_away_is_unavailable_and_a_repetition_is_safe(bench: Bench) -> None:
    one = new_key()
    bench.count(one)
    bench.cut_connections()
    answer = bench.count(one, key="k")
    assert isinstance(answer.error, Refusal)
    assert answer.error.reason == "UNAVAILABLE"
    assert bench.count(one, key="k").error is None
    assert bench.labels(one) == ["c", "c"]


def test_a_full_pool_is_overloaded(bench: Bench) -> None:
    bench.faults.infrastructure = [sa.exc.TimeoutError("no connection")]
    answer = bench.count(new_key())
    assert isinstance(answer.error, Refusal)
    assert answer.error.reason == "OVERLOADED"


@pytest.mark.parametrize("size", [1, 64])
def test_a_batch_of_any_size_is_one_transaction(bench: Bench, size: int) -> None:
    keys = [new_key() for _ in range(size)]
    run_commands(bench.app.service, [bench.call(key) for key in keys])
    with bench.app.database.connect() as connection:
        assert connection.execute(sa.text("select count(distinct xmin::text) from outbox")).scalar() == 1
    assert len(bench.rows(outbox)) == size
