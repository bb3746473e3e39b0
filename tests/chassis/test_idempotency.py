"""A key, its effect and its answer are one transaction: the same call again gives the same answer and no second effect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from atlas.orders.v1 import order_service_pb2
from chassis import failpoints, idempotency, metrics
from chassis.command_handling import Answer, run_commands
from chassis.errors import IdempotencyKeyInProgress, Refusal
from chassis.failpoints import FailpointCrash
from chassis.idempotency import hash_request
from chassis.tables import audit_log, outbox
from chassis.tables import idempotency as table
from tests.chassis.bench import BOB, Bench, new_key


def _reason(answer: Answer) -> str:
    assert isinstance(answer.error, Refusal), answer
    return answer.error.reason


def _counted(outcome: str) -> float:
    return float(metrics.IDEMPOTENCY.labels(outcome)._value.get())


def test_the_same_call_again_is_answered_from_the_record(bench: Bench) -> None:
    one = new_key()
    first = bench.count(one, key="k")
    bench.count(one)
    before = _counted("replayed")
    again = bench.count(one, key="k")
    assert (again.response, again.replayed, again.error) == (first.response, True, None)
    assert bench.labels(one) == ["c", "c"]
    assert len(bench.rows(outbox)) == len(bench.rows(audit_log)) == 2
    assert _counted("replayed") - before == 1


def test_the_key_with_another_body_is_refused_and_changes_nothing(bench: Bench) -> None:
    one = new_key()
    bench.count(one, "a", key="k")
    answer = bench.count(one, "b", key="k")
    assert _reason(answer) == "IDEMPOTENCY_KEY_REUSED"
    assert bench.labels(one) == ["a"]
    assert bench.count(one, "a", key="k").replayed


def test_the_key_of_another_principal_is_another_key(bench: Bench) -> None:
    one = new_key()
    bench.count(one, "alice", key="k")
    answer = bench.count(one, "bob", key="k", actor=BOB)
    assert not answer.replayed
    assert bench.labels(one) == ["alice", "bob"]


def test_a_key_whose_first_call_still_runs_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process holds the key in a transaction that does not end within the lock timeout."""
    monkeypatch.setattr("chassis.database._SERVER_OPTIONS", "-c lock_timeout=100")
    bench, one, other = Bench(database_url), new_key(), new_key()
    call = bench.call(one, key="k")
    before = _counted("running")
    with bench.app.database.connect() as connection:
        idempotency.claim(connection, [call.keyed])
        running, neighbour = run_commands(bench.app.service, [call, bench.call(other)])
    assert _reason(running) == "IDEMPOTENCY_KEY_IN_PROGRESS"
    assert isinstance(running.error, IdempotencyKeyInProgress)
    assert running.error.retry_after == 1
    assert neighbour.error is None
    assert _counted("running") - before == 1
    assert not bench.count(one, key="k").replayed
    bench.app.close()


def test_one_key_fifty_times_at_once_is_one_effect(bench: Bench) -> None:
    one = new_key()
    with ThreadPoolExecutor(6) as executor:
        answers = list(executor.map(lambda _: bench.count(one, key="k"), range(50)))
    assert [answer.error for answer in answers] == [None] * 50
    assert len({answer.response.SerializeToString() for answer in answers if answer.response}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert bench.labels(one) == ["c"]


def test_one_key_many_times_in_one_batch_is_one_effect(bench: Bench) -> None:
    one = new_key()
    calls = [bench.call(one, key="k") for _ in range(10)]
    answers = run_commands(bench.app.service, [*calls, bench.call(one, "other body", key="k")])
    assert [answer.replayed for answer in answers] == [False, *[True] * 9, False]
    assert len({answer.response.SerializeToString() for answer in answers if answer.response}) == 1
    assert _reason(answers[-1]) == "IDEMPOTENCY_KEY_REUSED"
    assert bench.labels(one) == ["c"]


def test_a_refused_command_leaves_its_key_free(bench: Bench) -> None:
    one = new_key()
    assert _reason(bench.count(one, "refuse", key="k")) == "ILLEGAL_STATE"
    assert bench.rows(table) == []
    assert bench.count(one, "a", key="k").error is None
    assert bench.labels(one) == ["a"]


def test_a_failed_command_leaves_its_key_free(bench: Bench) -> None:
    one = new_key()
    bench.faults.failing = {"a": 1}
    assert isinstance(bench.count(one, "a", key="k").error, RuntimeError)
    assert bench.rows(table) == []
    assert not bench.count(one, "a", key="k").replayed
    assert bench.labels(one) == ["a"]


def test_a_key_is_forgotten_after_a_day(bench: Bench) -> None:
    one = new_key()
    bench.count(one, "a", key="old")
    bench.count(one, "b", key="new")
    with bench.app.database.begin() as connection:
        expired = sa.update(table).where(table.c.key == "old").values(expire_time=sa.func.now() - sa.text("interval '1 s'"))
        connection.execute(expired)
    answer = bench.count(one, "another body", key="old")
    assert (answer.error, answer.replayed) == (None, False)
    assert bench.count(one, "another body", key="old").replayed
    assert bench.labels(one) == ["a", "b", "another body"]


def test_expired_keys_are_deleted_and_others_are_not(bench: Bench) -> None:
    bench.count(new_key(), key="old")
    bench.count(new_key(), key="new")
    with bench.app.database.begin() as connection:
        connection.execute(
            sa.update(table).where(table.c.key == "old").values(expire_time=sa.func.now() - sa.text("interval '1 s'"))
        )
        assert idempotency.forget_old(connection) == 1
    assert [row.key for row in bench.rows(table)] == ["new"]


@pytest.mark.parametrize(("point", "replayed"), [("command.before_commit", False), ("command.after_commit", True)])
def test_after_a_crash_the_same_key_has_one_effect(bench: Bench, point: str, replayed: bool) -> None:
    one = new_key()
    with failpoints.armed(point, "crash"), pytest.raises(FailpointCrash):
        bench.count(one, key="k")
    bench.restart()
    assert bench.count(one, key="k").replayed is replayed
    assert bench.labels(one) == ["c"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255))
def test_any_printable_key_is_a_key_of_its_own(key: str) -> None:
    request = order_service_pb2.CancelOrderRequest(comment=key)
    assert hash_request(request) == hash_request(order_service_pb2.CancelOrderRequest(comment=key))
    assert hash_request(request) != hash_request(order_service_pb2.CancelOrderRequest(comment=key + "!"))


@pytest.mark.parametrize("key", ["'; drop table idempotency; --", "%s %(p_key)s {}", '"quoted"', "k" * 255])
def test_a_hostile_key_is_only_a_key(bench: Bench, key: str) -> None:
    one = new_key()
    bench.count(one, key=key)
    assert bench.count(one, key=key).replayed
    assert [row.key for row in bench.rows(table)] == [key]
