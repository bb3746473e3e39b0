"""Only what was committed is in the outbox, numbered without a gap, whoever writes at the same time."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import failpoints, outbox
from chassis.command_handling import run_commands
from chassis.failpoints import FailpointCrash
from chassis.handling import Unit
from chassis.tables import outbox as table
from chassis.tables import publication
from chassis.world import keys as keys_of
from tests.chassis.bench import START, Bench, new_key
from tests.chassis.counter import Counter


def test_concurrent_writers_number_each_stream_without_a_gap(bench: Bench) -> None:
    """With commits held up at random, ids are committed out of their order; the numbers of a key never are."""
    keys = [new_key() for _ in range(3)]
    delays = random.Random(3)
    pauses = [delays.uniform(0, 0.005) for _ in range(200)]

    def write(number: int) -> None:
        chance = random.Random(number)
        for turn in range(20):
            with bench.app.database.begin() as connection:
                _count_in(bench, connection, chance.choice(keys))
                connection.execute(sa.select(sa.func.pg_sleep(pauses[number * 20 + turn])))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for key in keys:
        bench.count(key)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = bench.rows(table)
    assert len(rows) == 3 + 120
    for key in keys:
        numbers = [row.stream_sequence for row in rows if row.stream_key == key]
        assert numbers == list(range(1, len(numbers) + 1))


def _count_in(bench: Bench, connection: sa.Connection, key: str) -> None:
    """Run the command's unit by hand, to hold its commit up."""
    call = bench.call(key)
    unit = Unit(bench.app.service, connection, keys_of(Counter, [key]))
    context = unit.context(call.cause)
    unit.accept(call.command.decide(unit.world, call.parsed, context), context, call.cause)
    unit.save()


def test_a_crash_before_the_commit_leaves_nothing(bench: Bench) -> None:
    one = new_key()
    with failpoints.armed("outbox.before_commit", "crash"), pytest.raises(FailpointCrash):
        run_commands(bench.app.service, [bench.call(one)])
    assert bench.rows(table) == []
    assert bench.labels(one) == []


def _insert_again(bench: Bench, **changes: Any) -> None:
    """Copy the only row under another event id, with changes."""
    row = dict(bench.rows(table)[0]._mapping)
    del row["id"]
    with bench.app.database.begin() as connection:
        connection.execute(sa.insert(table).values({**row, "event_id": new_key(), **changes}))


def test_an_event_too_large_for_the_broker_is_refused_in_the_command(bench: Bench) -> None:
    bench.count(new_key())
    _insert_again(bench, stream_sequence=2, value=b"x" * 900_000)
    with pytest.raises(sa.exc.IntegrityError, match="outbox_value_size"):
        _insert_again(bench, stream_sequence=3, value=b"x" * 900_001)


def test_a_number_is_given_once(bench: Bench) -> None:
    bench.count(new_key())
    with pytest.raises(sa.exc.IntegrityError):
        _insert_again(bench)


def test_rows_published_a_week_ago_are_forgotten_and_pending_ones_never(bench: Bench) -> None:
    old, recent, waiting = new_key(), new_key(), new_key()
    for key in (old, recent, waiting):
        bench.count(key)
    with bench.app.database.begin() as connection:
        published = sa.func.now() - timedelta(days=8)
        _publish(connection, old, published)
        _publish(connection, recent, sa.func.now())
        connection.execute(sa.update(table).where(table.c.stream_key == waiting).values(occur_time=START - timedelta(days=90)))
        assert outbox.forget_old(connection) == 1
    assert {row.stream_key for row in bench.rows(table)} == {recent, waiting}
    assert len(bench.rows(publication)) == 2


def _publish(connection: sa.Connection, key: str, time: sa.ColumnElement[Any]) -> None:
    ids = sa.select(table.c.id).where(table.c.stream_key == key)
    connection.execute(sa.update(publication).where(publication.c.outbox_id.in_(ids)).values(publish_time=time))


def test_each_event_is_pending_once_from_the_start(bench: Bench) -> None:
    for key in (new_key(), new_key()):
        bench.count(key)
    assert [row.outbox_id for row in bench.rows(publication)] == [row.id for row in bench.rows(table)]
    assert bench.pending() == 2
