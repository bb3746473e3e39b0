"""The store keeps aggregates and their children, locks what it loads, and notices who else made the same row."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.database import is_infrastructure
from chassis.errors import Conflict
from chassis.tables import outbox
from chassis.world import World, keys
from tests.chassis.bench import START, Bench, new_key
from tests.chassis.counter import STORE, Counter, counters, counts


def _load(connection: sa.Connection, *ids: str) -> World:
    return STORE.load(connection, keys(Counter, ids))


def _save(bench: Bench, *aggregates: Counter) -> None:
    with bench.app.database.begin() as connection:
        world = _load(connection, *[each.key for each in aggregates])
        for each in aggregates:
            world.put(each, START)
        STORE.save(connection, world)


def test_what_was_saved_is_loaded_again_with_its_children(bench: Bench) -> None:
    one, two = new_key(), new_key()
    _save(bench, Counter(one, ("a", "b")), Counter(two))
    with bench.app.database.begin() as connection:
        world = _load(connection, one, two, new_key())
        assert world.all(Counter) == sorted([Counter(one, ("a", "b")), Counter(two)], key=lambda counter: counter.key)
        row = world.row(Counter(one, ("a", "b")))
    assert (row.version, row.stream_sequence, row.stored, row.changed) == (1, 0, True, False)
    assert row.create_time == row.update_time == START


def test_children_are_loaded_in_the_order_of_their_key_wherever_they_lie(bench: Bench) -> None:
    one = new_key()
    _save(bench, Counter(one))
    with bench.app.database.begin() as connection:
        for position in (2, 1):
            connection.execute(sa.insert(counts).values(counter_id=one, position=position, label=f"no. {position}"))
        assert _load(connection, one).find(Counter, one) == Counter(one, ("no. 1", "no. 2"))


def test_a_change_moves_the_version_and_keeps_older_children(bench: Bench) -> None:
    one = new_key()
    _save(bench, Counter(one, ("a",)))
    _save(bench, Counter(one, ("a", "b")))
    with bench.app.database.begin() as connection:
        world = _load(connection, one)
    assert world.find(Counter, one) == Counter(one, ("a", "b"))
    assert world.version(Counter(one)) == 2


def test_what_is_not_changed_is_not_written(bench: Bench) -> None:
    one = new_key()
    _save(bench, Counter(one))
    with bench.app.database.begin() as connection:
        before = connection.execute(sa.text("select xmin::text from counter")).scalar()
        STORE.save(connection, _load(connection, one))
        assert connection.execute(sa.text("select xmin::text from counter")).scalar() == before


def test_only_what_differs_is_written(bench: Bench) -> None:
    """Of the columns of a batch those in which one of its rows differs, and of the children the new one."""
    one, two = new_key(), new_key()
    _save(bench, Counter(one, ("a",)), Counter(two, ("a",)))
    written: list[tuple[str, Any]] = []
    with bench.app.database.begin() as connection:
        world = _load(connection, one, two)
        world.put(Counter(one, ("a", "b")), START)
        world.put(Counter(two, ("a",)), START)
        sa.event.listen(connection, "before_cursor_execute", lambda *call: written.append((call[2], call[3])))
        STORE.save(connection, world)
    (update, columns), (_upsert, children) = written
    assert update.partition(" FROM ")[0] == "UPDATE counter SET value=anon_1.value, version=anon_1.version"
    assert (columns["p_value"], columns["p_version"]) == (([2, 1], [2, 2]) if one < two else ([1, 2], [2, 2]))
    assert (children["p_counter_id"], children["p_label"]) == ([one], ["b"])


def test_a_part_that_has_changed_is_updated(bench: Bench) -> None:
    one = new_key()
    _save(bench, Counter(one, ("a", "b")))
    written: list[str] = []
    with bench.app.database.begin() as connection:
        world = _load(connection, one)
        world.put(Counter(one, ("a", "c")), START)
        sa.event.listen(connection, "before_cursor_execute", lambda *call: written.append(call[2]))
        STORE.save(connection, world)
        assert _load(connection, one).find(Counter, one) == Counter(one, ("a", "c"))
    assert [text.partition(" FROM ")[0] for text in written[:2]] == [
        "UPDATE counter SET version=anon_1.version",
        "UPDATE counter_step SET label=anon_1.label",
    ]


def test_two_who_make_the_same_row_conflict(bench: Bench) -> None:
    one = new_key()
    with bench.app.database.connect() as first:
        world = _load(first, one)
        _save(bench, Counter(one, ("theirs",)))
        world.put(Counter(one, ("mine",)), START)
        with pytest.raises(Conflict):
            STORE.save(first, world)
    assert bench.labels(one) == ["theirs"]


def test_a_unit_that_conflicts_is_run_again_and_sees_the_other(bench: Bench) -> None:
    """Two commands make the same counter at the same time: both count."""
    one = new_key()
    barrier, waiting = threading.Barrier(2, timeout=5), {"a", "b"}

    def meet(label: str) -> None:
        if label in waiting:  # the second try does not meet anybody
            waiting.discard(label)
            barrier.wait()

    bench.faults.check = meet  # type: ignore[method-assign]
    threads = [threading.Thread(target=bench.count, args=(one, label)) for label in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bench.labels(one)) == ["a", "b"]
    assert [row.stream_sequence for row in bench.rows(outbox)] == [1, 2]


def test_what_one_has_loaded_another_waits_for(bench: Bench) -> None:
    one, two = new_key(), new_key()
    _save(bench, Counter(one), Counter(two))
    with bench.app.database.begin() as connection:
        _load(connection, one)
        with bench.app.database.begin() as other:
            other.execute(sa.text("set local lock_timeout = '50ms'"))
            assert _load(other, two).find(Counter, two) is not None
            with pytest.raises(sa.exc.OperationalError) as caught:
                _load(other, one)
    assert is_infrastructure(caught.value)


def test_rows_are_locked_in_the_order_of_their_keys(bench: Bench) -> None:
    """However a batch names them: else two batches could wait for each other."""
    ids = sorted(new_key() for _ in range(20))
    _save(bench, *[Counter(each) for each in reversed(ids)])
    failures: list[Exception] = []

    def lock(order: list[str]) -> None:
        try:
            for _ in range(20):
                with bench.app.database.begin() as connection:
                    _load(connection, *order)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=lock, args=(order,)) for order in (ids, ids[::-1], ids[10:] + ids[:10])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(bench.rows(counters)) == 20
